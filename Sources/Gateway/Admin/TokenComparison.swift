import Core

extension Redacted<String> {
    /// Whether the bytes are the token; a wrong first byte takes as long as a wrong last one.
    func isSame(as given: some Collection<UInt8>) -> Bool {
        let own = revealed.utf8
        guard given.count == own.count, !own.isEmpty else { return false }
        var difference: UInt8 = 0
        for (left, right) in zip(given, own) { difference |= left ^ right }
        return difference == 0
    }
}
