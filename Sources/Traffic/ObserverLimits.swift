extension SessionObserver {
    /// How much of a session is kept.
    package struct Limits: Sendable, Hashable {
        /// A longer result is cut, counts as free text only, and marks later calls with `isEvidencePartial`.
        package var maxTextBytes: Int
        package var maxSessionBytes: Int
        package var maxResults: Int
        /// Distinct values that the agent sent.
        package var maxValues: Int

        package init(
            maxTextBytes: Int = 1 << 20,
            maxSessionBytes: Int = 64 << 20,
            maxResults: Int = 8192,
            maxValues: Int = 100_000
        ) {
            self.maxTextBytes = maxTextBytes
            self.maxSessionBytes = maxSessionBytes
            self.maxResults = maxResults
            self.maxValues = maxValues
        }
    }
}
