/// What stands in a recording for a credential: `hmac-sha256:`, the key's id in 8 and the code in 32 hexadecimal digits.
///
/// Equal credentials have equal tokens under one key, and another key gives others: a token says that there was a
/// credential, never which, so that it is no value that a policy could list.
package enum SecretToken {
    /// Stands where a text that holds a token would.
    package static let placeholder = "<secret>"
    private static let prefix = Array("hmac-sha256:".utf8)
    private static let keyDigits = 8
    private static let codeDigits = 32
    static let length = 12 + keyDigits + 1 + codeDigits

    /// Whether the text is a token and nothing else.
    static func isWhole(_ bytes: [UInt8]) -> Bool { bytes.count == length && begins(bytes.span, at: 0) }

    /// Whether a token stands anywhere in the text.
    package static func isHeld(by text: String) -> Bool {
        let bytes = text.utf8.span
        guard bytes.count >= length else { return false }
        for at in 0...bytes.count - length where bytes[at] | 0x20 == UInt8(ascii: "h") {
            if begins(bytes, at: at) { return true }
        }
        return false
    }

    private static func begins(_ bytes: Span<UInt8>, at start: Int) -> Bool {
        for (offset, byte) in prefix.enumerated() where bytes[start + offset] != byte {
            // Canonical texts are in lower case; an original that is not means the same.
            guard ASCII.isLetter(byte), bytes[start + offset] | 0x20 == byte else { return false }
        }
        let key = start + prefix.count
        let code = key + keyDigits + 1
        return bytes[code - 1] == UInt8(ascii: ":")
            && (key..<key + keyDigits).allSatisfy { ASCII.hexDigit(bytes[$0]) != nil }
            && (code..<code + codeDigits).allSatisfy { ASCII.hexDigit(bytes[$0]) != nil }
    }
}
