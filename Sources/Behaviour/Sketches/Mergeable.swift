package import Core
import Traffic

/// State that merges exactly: the order and the grouping of merges leave no trace in it.
///
/// Whatever a profile holds is made of such parts, which is why a profile of shards equals the profile of one pass.
package protocol Mergeable: Sendable {
    mutating func merge(_ other: Self)

    /// The canonical form; equal states have equal forms.
    var json: JSON.Value { get }
    init?(json: JSON.Value)

    /// Adds the canonical bytes of `json`; what is large writes itself part by part instead of making a value first.
    func write(to bytes: inout [UInt8])
}

extension Mergeable {
    package func write(to bytes: inout [UInt8]) { JSON.append(json, to: &bytes) }
}

/// Writes one object member by member, in the order of the names (RFC 8785).
struct MemberWriter {
    private var isFirst = true

    mutating func write(_ name: String, to bytes: inout [UInt8]) {
        bytes.append(isFirst ? UInt8(ascii: "{") : UInt8(ascii: ","))
        isFirst = false
        JSON.append(text: name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
    }

    /// The members of an object that is small but for some parts, which write themselves.
    ///
    /// Each part, by its name, is a closure rather than the part itself, so that the compiler knows the type of what a
    /// sample holds where it is written: sorting and looking up thousands of elements through a witness table costs
    /// several times as much.
    static func write(
        _ object: JSON.Value,
        _ parts: [String: (inout [UInt8]) -> Void],
        to bytes: inout [UInt8]
    ) {
        guard let object = object.object else { return }
        var writer = MemberWriter()
        let names = (object.keys + parts.keys).sorted(by: precedes)
        for name in names {
            writer.write(name, to: &bytes)
            if let part = parts[name] { part(&bytes) } else { JSON.append(object[name] ?? .null, to: &bytes) }
        }
        bytes.append(UInt8(ascii: "}"))
    }
}

/// Writes one array element by element, and puts the commas.
struct ArrayWriter {
    private var isFirst = true

    /// Adds an array whose elements `body` adds.
    static func write(to bytes: inout [UInt8], _ body: (inout ArrayWriter, inout [UInt8]) -> Void) {
        var writer = ArrayWriter()
        bytes.append(UInt8(ascii: "["))
        body(&writer, &bytes)
        bytes.append(UInt8(ascii: "]"))
    }

    /// To be called before an element that writes itself.
    mutating func next(_ bytes: inout [UInt8]) {
        if !isFirst { bytes.append(UInt8(ascii: ",")) }
        isFirst = false
    }

    mutating func add(_ value: JSON.Value, to bytes: inout [UInt8]) {
        next(&bytes)
        JSON.append(value, to: &bytes)
    }

    mutating func add(text: String, to bytes: inout [UInt8]) {
        next(&bytes)
        JSON.append(text: text, to: &bytes)
    }

    mutating func add(count: Int, to bytes: inout [UInt8]) {
        next(&bytes)
        Form.append(count: count, to: &bytes)
    }

    mutating func add(number: Int, to bytes: inout [UInt8]) {
        next(&bytes)
        Form.append(number: number, to: &bytes)
    }

    mutating func add(hash: UInt64, to bytes: inout [UInt8]) {
        next(&bytes)
        Form.append(hash: hash, to: &bytes)
    }

    mutating func add<Element>(
        list: [Element],
        to bytes: inout [UInt8],
        _ write: (Element, inout [UInt8]) -> Void
    ) {
        next(&bytes)
        Form.append(list: list, to: &bytes, write)
    }
}

/// Something that is kept by the thousand under a keyed hash of its name.
package protocol Sampled: Mergeable {
    /// How many are kept: those with the smallest hashes.
    static var limit: Int { get }
    /// What all that are kept may be charged together.
    static var budget: Int { get }
    /// About the bytes that one takes; must never fall when something is added or merged.
    var charge: Int { get }
}

extension Sampled {
    package static var budget: Int { .max }
    package var charge: Int { 1 }
}

/// Counts sessions, each of them once.
///
/// A session is folded in one go under a number of its own, so remembering the last number is enough. The number is no
/// part of the state.
package struct Tally: Sendable {
    package private(set) var count: Int
    private var mark: UInt64 = 0

    package init(_ count: Int = 0) { self.count = count }

    /// Whether this session is new here.
    @discardableResult
    package mutating func note(_ session: UInt64) -> Bool {
        guard mark != session else { return false }
        mark = session
        count += 1
        return true
    }

    package mutating func merge(_ other: Tally) {
        count += other.count
        mark = 0
    }
}

/// Reads and writes the parts of a profile's canonical form.
enum Form {
    static func hash(_ value: UInt64) -> JSON.Value {
        .string(
            unsafe String(unsafeUninitializedCapacity: 16) { digits in
                for place in 0..<16 {
                    let digit = UInt8(truncatingIfNeeded: value &>> UInt64(60 &- place &* 4)) & 15
                    unsafe digits[place] = digit < 10 ? digit &+ UInt8(ascii: "0") : digit &- 10 &+ UInt8(ascii: "a")
                }
                return 16
            }
        )
    }

    /// Adds what `hash` makes, without a text in between: a profile has hundreds of thousands of them.
    static func append(hash value: UInt64, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        append(digits: UInt32(truncatingIfNeeded: value >> 32), to: &bytes)
        append(digits: UInt32(truncatingIfNeeded: value), to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Eight hexadecimal digits at once, each in a byte of a word.
    static func append(digits value: UInt32, to bytes: inout [UInt8]) {
        var word = UInt64(value)
        word = (word | word << 16) & 0x0000_FFFF_0000_FFFF
        word = (word | word << 8) & 0x00FF_00FF_00FF_00FF
        word = (word | word << 4) & 0x0F0F_0F0F_0F0F_0F0F
        // Ten and more carry into the fifth bit when six is added.
        let letters = (word &+ 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        word = word &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
        // The first digit stands in the highest byte.
        unsafe withUnsafeBytes(of: word.bigEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    static func append(name: Keyed<String>, to bytes: inout [UInt8]) {
        ArrayWriter.write(to: &bytes) {
            $0.add(hash: name.key, to: &$1)
            $0.add(text: name.value, to: &$1)
        }
    }

    /// Adds a small number that is not negative, the digits of most at once.
    static func append(number: Int, to bytes: inout [UInt8]) {
        if number >= 100 {
            append(number: number / 10, to: &bytes)
        } else if number >= 10 {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number / 10))
        }
        bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number % 10))
    }

    static func append(count: Int, to bytes: inout [UInt8]) { JSON.append(.integer(Int64(count)), to: &bytes) }

    /// Adds an array, whose elements write themselves.
    static func append<Element>(
        list: [Element],
        to bytes: inout [UInt8],
        _ write: (Element, inout [UInt8]) -> Void
    ) {
        ArrayWriter.write(to: &bytes) { writer, bytes in
            let elements = list.span
            for at in elements.indices {
                writer.next(&bytes)
                write(elements[at], &bytes)
            }
        }
    }

    static func hash(_ value: JSON.Value?) -> UInt64? {
        guard let text = value?.string, text.utf8.count == 16 else { return nil }
        return UInt64(text, radix: 16)
    }

    static func count(_ value: Int) -> JSON.Value { .integer(Int64(value)) }

    /// A number of things: whole and not negative.
    static func count(_ value: JSON.Value?) -> Int? {
        guard let number = value?.int, number >= 0, number < 1 << 53 else { return nil }
        return Int(number)
    }

    static func tally(_ value: JSON.Value?) -> Tally? { count(value).map(Tally.init(_:)) }

    static func text(_ value: String?) -> JSON.Value { value.map { .string($0) } ?? .null }

    /// Reads every element, or nothing.
    static func list<Element>(_ value: JSON.Value?, _ read: (JSON.Value) -> Element?) -> [Element]? {
        guard let elements = value?.array else { return nil }
        var result: [Element] = []
        result.reserveCapacity(elements.count)
        for element in elements {
            guard let element = read(element) else { return nil }
            result.append(element)
        }
        return result
    }

    static func tool(_ tool: ServerTool) -> JSON.Value { .array([.string(tool.server), .string(tool.tool)]) }

    static func tool(_ value: JSON.Value?) -> ServerTool? {
        guard let server = value?[0]?.string, let tool = value?[1]?.string else { return nil }
        return ServerTool(server: server, tool: tool)
    }

    static func field(_ field: ResultField) -> JSON.Value {
        .array([.string(field.tool.server), .string(field.tool.tool), .string(field.field)])
    }

    static func field(_ value: JSON.Value?) -> ResultField? {
        guard let tool = tool(value), let field = value?[2]?.string else { return nil }
        return ResultField(tool: tool, field: field)
    }
}

/// Whether a text stands before another by its bytes: `String` also equates different spellings of one letter.
func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
}
