/// Reads the data types of RFC 4251 §5 from bytes that nobody vouches for.
///
/// Every length is checked against what is left before anything is copied, so a hostile length costs nothing.
/// Errors carry the code and the subject given by the caller: the same bytes may be a key, a signature or a reply.
struct SSHReader {
    private let bytes: ArraySlice<UInt8>
    private var position: Int
    private let code: SSHError.Code
    private let subject: String

    init(_ bytes: some Sequence<UInt8>, code: SSHError.Code, subject: String) {
        self.bytes = ArraySlice(bytes)
        self.position = self.bytes.startIndex
        self.code = code
        self.subject = subject
    }

    var remaining: Int { bytes.endIndex - position }

    mutating func byte() throws(SSHError) -> UInt8 {
        try take(1)[0]
    }

    mutating func uint32() throws(SSHError) -> UInt32 {
        try take(4).reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// A length and so many bytes.
    mutating func string() throws(SSHError) -> [UInt8] {
        let length = try uint32()
        guard let length = Int(exactly: length) else { throw fault("is cut short") }
        return try take(length)
    }

    /// A string that has to be printable ASCII, as all algorithm names are.
    mutating func name() throws(SSHError) -> String {
        let raw = try string()
        guard raw.count <= 255, raw.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
            throw fault("has a name that is not printable text")
        }
        return String(decoding: raw, as: UTF8.self)
    }

    /// A string that has to be UTF-8.
    mutating func text() throws(SSHError) -> String {
        guard let text = String(validating: try string(), as: UTF8.self) else {
            throw fault("has text that is not UTF-8")
        }
        return text
    }

    /// The magnitude of a positive number, without leading zeros.
    ///
    /// Negative numbers and needless zeros (RFC 4251: "MUST NOT be included") are refused: one number has one form.
    mutating func positive(maximumBytes: Int) throws(SSHError) -> [UInt8] {
        let raw = try string()
        guard let first = raw.first, first & 0x80 == 0 else { throw fault("has a number that is not positive") }
        guard first == 0 else {
            guard raw.count <= maximumBytes else { throw fault("has a number that is too large") }
            return raw
        }
        guard raw.count > 1, raw[1] & 0x80 != 0 else { throw fault("has a number that is not in its shortest form") }
        guard raw.count - 1 <= maximumBytes else { throw fault("has a number that is too large") }
        return Array(raw[1...])
    }

    mutating func take(_ count: Int) throws(SSHError) -> [UInt8] {
        guard count <= remaining else { throw fault("is cut short") }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func rest() -> [UInt8] {
        defer { position = bytes.endIndex }
        return Array(bytes[position...])
    }

    /// Refuses whatever follows the last field.
    func finish() throws(SSHError) {
        guard remaining == 0 else { throw fault("has \(remaining) bytes after its end") }
    }

    func fault(_ what: String) -> SSHError {
        SSHError(code, "\(subject) \(what)")
    }
}

/// Writes the data types of RFC 4251 §5.
struct SSHWriter {
    private(set) var bytes: [UInt8] = []

    mutating func byte(_ value: UInt8) {
        bytes.append(value)
    }

    mutating func uint32(_ value: UInt32) {
        for shift in [24, 16, 8, 0] as [UInt32] {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    mutating func string(_ value: some Collection<UInt8>) {
        precondition(value.count <= Int(UInt32.max), "an SSH string holds at most 4 GiB")
        uint32(UInt32(value.count))
        bytes.append(contentsOf: value)
    }

    mutating func string(_ value: String) {
        string(Array(value.utf8))
    }

    /// Writes a magnitude as a positive number in its shortest form.
    mutating func positive(_ magnitude: some Collection<UInt8>) {
        let trimmed = magnitude.drop { $0 == 0 }
        guard let first = trimmed.first else { return uint32(0) }
        string(first & 0x80 == 0 ? Array(trimmed) : [0] + trimmed)
    }

    mutating func raw(_ value: some Sequence<UInt8>) {
        bytes.append(contentsOf: value)
    }
}
