extension ResultScreen {
    package static func mayHoldSigns(_ bytes: Span<UInt8>) -> Bool { true }
}
