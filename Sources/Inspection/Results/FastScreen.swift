extension ResultScreen {
    /// Whether the bytes of a message may hold a sign, so that it has to be read as JSON and screened.
    ///
    /// A no is certain: what has no letters hardly says anything to a model, and all other messages are looked through.
    package static func mayHoldSigns(_ bytes: Span<UInt8>) -> Bool {
        // Without a letter, a byte beyond ASCII or an escape there are no words and nothing that is hidden.
        for at in bytes.indices {
            let byte = bytes[at]
            if (byte | 0x20) &- 0x61 < 26 || byte >= 0x80 || byte < 0x20 || byte == 0x5C { return true }
            // Addresses, digits in hexadecimal or escapes.
            if byte == 0x21 || byte == 0x25 || byte == 0x26 || byte == 0x3C || byte == 0x5B || byte &- 0x30 < 10 {
                return true
            }
        }
        return false
    }
}
