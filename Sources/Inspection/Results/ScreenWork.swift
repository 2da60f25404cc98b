/// What looking through one message may cost: so many steps for each byte, and some for what is short.
///
/// An event loop waits while a message is screened. Work is counted in steps that take about a nanosecond each, so that no
/// input, however it is made, takes longer than its length allows; a message that would is refused as too large.
struct ScreenWork {
    static let code = "too-large-to-screen"
    static let perByte = 40

    var steps = 0
    private var most = 65_536

    /// Whether no more may be done.
    var isSpent: Bool { steps > most }

    /// Adds what a text of a message may cost.
    mutating func allow(_ bytes: Int) { most += bytes * Self.perByte }
}

/// Names of files with secrets, looked for in the bytes of one word.
enum SecretFileNames {
    private static let names = PoisonSignals.secretFiles.map { Array($0.utf8) }
    private static let isFirst: [Bool] = {
        var isFirst = [Bool](repeating: false, count: 256)
        for name in names { isFirst[Int(name[0])] = true }
        return isFirst
    }()

    /// As `PoisonSignals.nameOfSecretFile` has it: `.env` is a file, `.environment` and `process.env` are not.
    static func isOne(_ bytes: [UInt8], _ place: Range<Int>) -> Bool {
        var sawEnvironment = false
        for at in place {
            let byte = lower(bytes[at])
            guard isFirst[Int(byte)] else { continue }
            for name in names where name[0] == byte && has(name, bytes, at, place.upperBound) {
                guard name.count == 4 else { return true }
                guard !sawEnvironment else { continue }
                sawEnvironment = true
                let end = at + 4
                let isEnd = end == place.upperBound || bytes[end] == 0x2E
                if isEnd, at == place.lowerBound || bytes[at - 1] == 0x2F { return true }
            }
        }
        return false
    }

    private static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    private static func has(_ name: [UInt8], _ bytes: [UInt8], _ start: Int, _ end: Int) -> Bool {
        guard end - start >= name.count else { return false }
        for offset in name.indices where lower(bytes[start + offset]) != name[offset] { return false }
        return true
    }
}
