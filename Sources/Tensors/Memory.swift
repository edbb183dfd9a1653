import CKernels

/// The process's memory.
public enum Memory {
    /// Keeps the allocator from holding on to large blocks; for the start of a process that is to run for long.
    public static func boundHeap() { ck_bound_heap() }

    /// Free pages of the tensors' pool and of the allocator go back to the system.
    public static func giveBack() {
        MemoryPool.shared.releaseIdle()
        ck_give_back_memory()
    }
}
