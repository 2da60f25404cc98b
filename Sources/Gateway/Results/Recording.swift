package import Core
package import Traffic

/// Where recorded calls go.
package protocol RecordSink: Sendable {
    /// Takes one call with what is known of its arguments; false where it was shed, which never holds up traffic.
    func take(_ record: CallRecord, _ call: ObservedCall) -> Bool
}

extension Shared {
    /// Records a call that has ended; what cannot be recorded is counted.
    func record(_ use: PendingCall.Use) {
        guard !use.isCanary, let records, !records.take(use.record, use.observed) else { return }
        counters.count(.shedRecords)
    }
}
