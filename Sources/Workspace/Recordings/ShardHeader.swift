package import Core

/// The beginning of an encrypted recording, a *shard*: two lines of text that say how to read the rest.
///
/// The first line is `lockstep.shard/1`. The second is canonical JSON with the cipher, the id of the workspace key, the day
/// of the calls (UTC), when the shard was begun, and 128 random bits that make its own key. Then come chunks: a byte for
/// the kind (1 data, 2 end), the number of plain bytes (four bytes, the highest first), a nonce of 12 bytes, the
/// ciphertext, and a tag of 16. The plain bytes of all data chunks are `lockstep.call/1` lines. The end chunk holds
/// the number of calls; without it a shard is unfinished, and nothing may follow it.
package struct ShardHeader: Sendable, Hashable {
    package static let magic = Array("lockstep.shard/1\n".utf8)
    package static let cipher = "aes-256-gcm"
    /// Longer headers are refused unread.
    package static let limit = 1024

    /// Of the workspace key of purpose `recording`.
    package var keyID: String
    /// The day of the calls.
    package var day: CivilDate
    /// When the calls came into the workspace; how long they are kept counts from here.
    package var created: Timestamp
    /// 32 hexadecimal digits.
    package var id: String

    package init(keyID: String, day: CivilDate, created: Timestamp, id: String) {
        self.keyID = keyID
        self.day = day
        // As the file can hold it.
        self.created = Timestamp(rfc3339: created.description) ?? created
        self.id = id
    }

    /// A header with a new random id.
    package init(keyID: String, day: CivilDate, created: Timestamp, using random: inout some RandomNumberGenerator) {
        let id = (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) }
        self.init(keyID: keyID, day: day, created: created, id: Hexadecimal.encode(id))
    }

    package var bytes: [UInt8] {
        let json: JSON.Value = [
            "cipher": .string(Self.cipher), "created": .string(created.description), "day": .string(day.description),
            "id": .string(id), "key": .string(keyID),
        ]
        return Self.magic + JSON.canonical(json) + [0x0A]
    }

    /// Reads the second line, strictly; nil for what this version does not write.
    package init?(line: [UInt8]) {
        guard let object = (try? JSON.parse(line))?.object,
            object.keys.sorted() == ["cipher", "created", "day", "id", "key"],
            object["cipher"]?.string == Self.cipher, let keyID = object["key"]?.string,
            let day = object["day"]?.string.flatMap({ CivilDate($0) }),
            let created = object["created"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            let id = object["id"]?.string, Hexadecimal.decode(id.utf8)?.count == 16
        else { return nil }
        self.init(keyID: keyID, day: day, created: created, id: id)
        // What is authenticated is what this version would write.
        guard bytes == Self.magic + line + [0x0A] else { return nil }
    }

    package static func isShard(_ beginning: some Collection<UInt8>) -> Bool { beginning.starts(with: magic) }

    /// The name of the file in the folder of recordings.
    package var fileName: String { "\(day)-\(id.prefix(16)).shard" }
}

/// Why a shard cannot be read: a sentence that goes after the name of the file, and a stable code.
package enum ShardFault: Error, Sendable, Hashable, CustomStringConvertible {
    case file(FileFault)
    case header
    case unknownKey(String)
    /// A chunk that was altered, moved or taken from another shard, by its number from 0.
    case altered(chunk: UInt64)
    /// Something follows the end.
    case trailing

    package var code: String {
        switch self {
        case .file: "shard.unreadable"
        case .header: "shard.header"
        case .unknownKey: "shard.unknown-key"
        case .altered: "shard.altered"
        case .trailing: "shard.trailing"
        }
    }

    package var description: String {
        switch self {
        case .file(let fault): fault.sentence
        case .header: "has no header of an encrypted recording that this version knows"
        case .unknownKey(let id): "is encrypted with the key `\(id)`, which this workspace does not have"
        case .altered(let chunk): "was altered: chunk \(chunk) is not what was written there"
        case .trailing: "was altered: something follows its end"
        }
    }
}
