import CKernels

/// The process's memory.
public enum Memory {
    /// Free pages of the allocator go back to the system, where it has any.
    public static func giveBack() { ck_give_back_memory() }
}
