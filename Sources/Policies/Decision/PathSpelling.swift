import Traffic

/// What a server may make of a text before it opens it as a path.
///
/// Servers decode once more than others did, also the `%uXXXX` of ECMA-262 annex B.2.1, drop what follows a semicolon
/// (RFC 3986 §3.3), fold full-width characters, and read overlong UTF-8. Which of these the server at hand does is not known, so all of them are looked at.
struct PathSpelling {
    /// Whether a segment is the parent folder in some reading, or cannot be read at all.
    private(set) var mayClimb = false
    /// Whether there are line breaks or other control characters, at which servers cut texts.
    private(set) var hasControls = false
    /// The text without its percent-encoding and without control characters, where that says something else.
    private(set) var readings: [String] = []

    private static let maxRounds = 4

    init(_ text: String) {
        look(at: text)
        var bytes = Array(text.utf8)
        for round in 0... {
            guard !mayClimb, let next = Self.decoded(bytes) else { break }
            guard round < Self.maxRounds, let inner = String(validating: next, as: UTF8.self) else {
                mayClimb = true
                break
            }
            look(at: inner)
            readings.append(inner)
            readings.append(CanonicalValue(text: inner).text)
            bytes = next
        }
        guard hasControls else { return }
        for reading in [text] + readings {
            var kept = String.UnicodeScalarView()
            kept.append(contentsOf: reading.unicodeScalars.lazy.filter { !Self.isControl($0) })
            readings.append(CanonicalValue(text: String(kept)).text)
        }
    }

    private mutating func look(at text: String) {
        var segment: [Unicode.Scalar] = []
        var isParameter = false
        for scalar in text.unicodeScalars {
            if Self.isControl(scalar) {
                hasControls = true
            } else if Self.isSeparator(scalar) {
                if Self.isParent(segment) { mayClimb = true }
                segment.removeAll(keepingCapacity: true)
                isParameter = false
            } else if scalar == ";" {
                isParameter = true
            } else if !isParameter, segment.count < 8, !Self.isSkipped(scalar) {
                segment.append(scalar)
            }
        }
        if Self.isParent(segment) { mayClimb = true }
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || (0x2028...0x2029).contains(scalar.value)
    }

    private static func isParent(_ segment: [Unicode.Scalar]) -> Bool {
        var dots = 0
        for scalar in segment {
            switch scalar.value {
            case 0x2E, 0x2024, 0x3002, 0xFE52, 0xFF0E, 0xFF61: dots += 1
            // Two dots in one character, or three.
            case 0x2025, 0xFE30: dots += 2
            case 0x2026, 0xFE19: dots += 3
            default: return false
            }
        }
        // Of `....//` a server that takes `../` out once makes what it took out.
        return dots >= 2
    }

    private static func isSeparator(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x2F, 0x5C, 0x2044, 0x2215, 0x2216, 0x29F5, 0x29F8, 0x29F9, 0xFE68, 0xFF0F, 0xFF3C: true
        default: false
        }
    }

    /// What a file system or a normalisation drops without a trace.
    private static func isSkipped(_ scalar: Unicode.Scalar) -> Bool {
        // Of ASCII only the white space, for which no table has to be asked.
        if scalar.value < 0x80 { return scalar.value == 0x20 || (0x09...0x0D).contains(scalar.value) }
        return scalar.properties.isWhitespace || scalar.properties.isDefaultIgnorableCodePoint
    }

    /// Nil where there is nothing to decode.
    private static func decoded(_ bytes: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var isChanged = false
        var at = 0
        while at < bytes.count {
            if bytes[at] == UInt8(ascii: "%"), at + 2 < bytes.count, let high = hexDigit(bytes[at + 1]),
                let low = hexDigit(bytes[at + 2])
            {
                result.append(high << 4 | low)
                isChanged = true
                at += 3
            } else if let unit = codeUnit(bytes[at...]) {
                // Half of a pair decodes to what is no UTF-8, and cannot be read.
                result.append(contentsOf: Unicode.Scalar(unit).map { Array(String($0).utf8) } ?? [0xFF])
                isChanged = true
                at += 6
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return isChanged ? result : nil
    }

    /// The number after `%u`, of four digits.
    private static func codeUnit(_ bytes: ArraySlice<UInt8>) -> UInt16? {
        let bytes = bytes.prefix(6)
        guard bytes.count == 6, bytes.first == UInt8(ascii: "%"), bytes.dropFirst().first.map({ $0 | 0x20 }) == 0x75
        else { return nil }
        var unit: UInt16 = 0
        for byte in bytes.dropFirst(2) {
            guard let digit = hexDigit(byte) else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
