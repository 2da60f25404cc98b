/// Where whoever enforces writes what it decided, before the decision takes effect.
package protocol AuditSink: Sendable {
    /// Appends an entry and says when it is safe on disk, or that it will not be.
    ///
    /// `done` is called once, on any thread; false means that nobody may rely on the entry, and what waits for it is denied.
    func append(_ entry: [UInt8], _ done: @escaping @Sendable (Bool) -> Void)

    /// Appends an entry soon; false means that there is no room or no disk, and that nothing was taken.
    func note(_ entry: [UInt8]) -> Bool
}
