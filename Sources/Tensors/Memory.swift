import CKernels

/// The process's memory.
public enum Memory {
    /// Free pages of the tensors' pool and of the allocator go back to the system.
    public static func giveBack() {
        MemoryPool.shared.releaseIdle()
        ck_give_back_memory()
    }
}
