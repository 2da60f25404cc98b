/// The part of ASN.1's distinguished encoding (X.690) that certificates are written in.
///
/// Lengths have one form, and what follows a value is never ignored. swift-certificates reads more, but brings
/// CoreFoundation into every program that links it.
enum DER {
    static let boolean: UInt8 = 0x01
    static let integer: UInt8 = 0x02
    static let bitString: UInt8 = 0x03
    static let octetString: UInt8 = 0x04
    static let object: UInt8 = 0x06
    static let text: UInt8 = 0x0C
    static let utcTime: UInt8 = 0x17
    static let generalTime: UInt8 = 0x18
    static let sequence: UInt8 = 0x30
    static let set: UInt8 = 0x31

    /// A constructed value of the context with this number.
    static func tagged(_ number: UInt8) -> UInt8 { 0xA0 | number }

    struct Value {
        let tag: UInt8
        let content: ArraySlice<UInt8>
        /// With tag and length.
        let whole: ArraySlice<UInt8>
    }

    /// Whether the content is an object identifier: each of its numbers ends, and none begins with padding (X.690 §8.19.2).
    static func isObjectID(_ content: ArraySlice<UInt8>) -> Bool {
        guard let last = content.last, last < 0x80 else { return false }
        var isFirst = true
        for byte in content {
            if isFirst, byte == 0x80 { return false }
            isFirst = byte < 0x80
        }
        return true
    }

    /// Checks a name, whose parts nobody here reads: sets of an identifier with a value each (RFC 5280 §4.1.2.4).
    static func check(name: Value) throws(SVIDFault) {
        var sets = Reader(name.content)
        while !sets.isAtEnd {
            var parts = Reader(try sets.next(set).content)
            repeat {
                var part = Reader(try parts.next(sequence).content)
                _ = try part.next(object)
                try check(part.next())
                try part.finish()
            } while !parts.isAtEnd
        }
    }

    /// Checks the form of a value of any type, and of all that stands in it.
    static func check(_ value: Value, depth: Int = 8) throws(SVIDFault) {
        // Only sequences, sets and what is tagged are made of others; text in pieces is another encoding's.
        let isUniversal = value.tag & 0xC0 == 0
        let isConstructed = value.tag & 0x20 != 0
        guard !isUniversal || isConstructed == (value.tag == sequence || value.tag == set), depth > 0 else {
            throw Reader.fault
        }
        guard isConstructed else { return }
        var inner = Reader(value.content)
        while !inner.isAtEnd { try check(inner.next(), depth: depth - 1) }
    }

    /// Checks an algorithm: an identifier, and parameters or none.
    static func check(algorithm: Value) throws(SVIDFault) {
        var reader = Reader(algorithm.content)
        _ = try reader.next(object)
        if !reader.isAtEnd { try check(reader.next()) }
        try reader.finish()
    }

    /// Reads one value after the other.
    struct Reader {
        private var rest: ArraySlice<UInt8>

        static let fault = SVIDFault(.malformed, "a certificate is not in the distinguished encoding")

        init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

        var isAtEnd: Bool { rest.isEmpty }
        /// The tag of the next value; nothing at the end.
        var nextTag: UInt8? { rest.first }

        mutating func next() throws(SVIDFault) -> Value {
            let start = rest.startIndex
            guard rest.count >= 2, rest[start] & 0x1F != 0x1F else { throw Self.fault }
            let tag = rest[start]
            let first = Int(rest[start + 1])
            var at = start + 2
            var length = first
            if first >= 0x80 {
                let bytes = first - 0x80
                guard (1...3).contains(bytes), rest.endIndex - at >= bytes else { throw Self.fault }
                length = 0
                for _ in 0..<bytes {
                    length = length << 8 | Int(rest[at])
                    at += 1
                }
                // The shortest form is the only one.
                guard length >= (bytes == 1 ? 0x80 : 1 << ((bytes - 1) * 8)) else { throw Self.fault }
            }
            guard rest.endIndex - at >= length else { throw Self.fault }
            let value = Value(tag: tag, content: rest[at..<at + length], whole: rest[start..<at + length])
            rest = rest[(at + length)...]
            return value
        }

        mutating func next(_ tag: UInt8) throws(SVIDFault) -> Value {
            let value = try next()
            guard value.tag == tag, tag != DER.object || DER.isObjectID(value.content) else { throw Self.fault }
            return value
        }

        /// Reads a number that is not negative, in its only form: no byte more than it needs (X.690 §8.3.2).
        mutating func number() throws(SVIDFault) -> ArraySlice<UInt8> {
            let content = try next(DER.integer).content
            guard let first = content.first, first < 0x80,
                first != 0 || content.count == 1 || content[content.startIndex + 1] >= 0x80
            else { throw Self.fault }
            return content
        }

        /// Reads a boolean that is false where it is absent, and so is never written as false (X.690 §11.5).
        mutating func flag() throws(SVIDFault) -> Bool {
            guard nextTag == DER.boolean else { return false }
            let value = try next()
            guard value.content.count == 1, value.content.first == 0xFF else { throw Self.fault }
            return true
        }

        func finish() throws(SVIDFault) {
            guard isAtEnd else { throw Self.fault }
        }
    }

    /// The encoding of a value.
    static func value(_ tag: UInt8, _ parts: [UInt8]...) -> [UInt8] {
        let content = parts.flatMap(\.self)
        var bytes: [UInt8] = [tag]
        switch content.count {
        case ..<0x80: bytes.append(UInt8(content.count))
        case ..<0x100: bytes += [0x81, UInt8(content.count)]
        default:
            bytes += [0x82, UInt8(truncatingIfNeeded: content.count >> 8), UInt8(truncatingIfNeeded: content.count)]
        }
        precondition(content.count <= 0xFFFF, "what is written here is shorter than 64 KiB")
        return bytes + content
    }
}

/// The object identifiers of certificates, as the content of their encoding (RFC 5280 §4.2).
enum ObjectID {
    static let subjectKeyID: [UInt8] = [0x55, 0x1D, 0x0E]
    static let keyUsage: [UInt8] = [0x55, 0x1D, 0x0F]
    static let alternativeName: [UInt8] = [0x55, 0x1D, 0x11]
    static let basicConstraints: [UInt8] = [0x55, 0x1D, 0x13]
    static let nameConstraints: [UInt8] = [0x55, 0x1D, 0x1E]
    static let authorityKeyID: [UInt8] = [0x55, 0x1D, 0x23]
    static let extendedKeyUsage: [UInt8] = [0x55, 0x1D, 0x25]
    static let serverAuthentication: [UInt8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01]
    static let clientAuthentication: [UInt8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02]
    static let commonName: [UInt8] = [0x55, 0x04, 0x03]
    static let organization: [UInt8] = [0x55, 0x04, 0x0A]
}
