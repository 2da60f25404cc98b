package import Core
package import Ledger

extension Estate {
    /// By step, the last time that a person had it tried again, with the reason, in a clause.
    ///
    /// A step that begins anew forgets what was said of it before, and whoever looks at the run should not.
    package func retries(of run: RunID) throws(LedgerError) -> [String: String] {
        var words: [String: String] = [:]
        for event in try ledger.events(of: run, kind: "run.retried") {
            guard let payload = try? JSON.parse(Array(event.payload.utf8)), let step = payload["from"]?.string,
                let person = payload["by"]?.string
            else { continue }
            words[step] = "tried again by \(person)" + (payload["reason"]?.string.map { ": \($0)" } ?? "")
        }
        return words
    }
}
