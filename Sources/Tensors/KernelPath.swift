import CKernels

/// The instruction sets that the kernels know. The best that the CPU has is used; tests go through all of them.
package enum KernelPath: CaseIterable, Sendable {
    case plain, avx2, avx512, avx512dot

    private var raw: ck_path {
        switch self {
        case .plain: CK_PLAIN
        case .avx2: CK_AVX2
        case .avx512: CK_AVX512
        case .avx512dot: CK_AVX512_DOT
        }
    }

    package var isAvailable: Bool { ck_path_available(raw) }

    /// Runs `body` with this thread bound to the path, and to our own products unless `oneDNN`.
    package func use<R>(oneDNN: Bool = false, _ body: () throws -> R) rethrows -> R {
        ck_force_path(raw, oneDNN)
        defer { ck_unforce_path() }
        return try body()
    }
}
