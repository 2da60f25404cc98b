package import Core
import Glibc

/// An IPv4 or IPv6 address as its bytes.
package struct Address: Sendable, Hashable, CustomStringConvertible {
    /// Four or sixteen bytes in network order.
    package let bytes: [UInt8]

    package init?(_ text: String) {
        var version4 = in_addr()
        var version6 = in6_addr()
        if unsafe inet_pton(AF_INET, text, &version4) == 1 {
            bytes = unsafe withUnsafeBytes(of: &version4) { unsafe Array($0) }
        } else if unsafe inet_pton(AF_INET6, text, &version6) == 1 {
            bytes = unsafe withUnsafeBytes(of: &version6) { unsafe Array($0) }
        } else {
            return nil
        }
    }

    package init(bytes: [UInt8]) {
        precondition(bytes.count == 4 || bytes.count == 16, "an address has 4 or 16 bytes")
        self.bytes = bytes
    }

    package var isVersion6: Bool { bytes.count == 16 }

    package var isLoopback: Bool {
        isVersion6 ? bytes == [UInt8](repeating: 0, count: 15) + [1] || mapped?.isLoopback == true : bytes[0] == 127
    }

    /// Reachable only on this machine or its own networks (RFC 1918, RFC 3927, RFC 6598, RFC 4193, RFC 4291).
    package var isPrivate: Bool {
        if isLoopback { return true }
        if let mapped { return mapped.isPrivate }
        if isVersion6 { return bytes[0] & 0xFE == 0xFC || (bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80) }
        switch (bytes[0], bytes[1]) {
        case (10, _), (192, 168), (169, 254): return true
        case (172, 16...31), (100, 64...127): return true
        default: return false
        }
    }

    /// The IPv4 address inside `::ffff:a.b.c.d`, which a public address could otherwise hide behind.
    private var mapped: Address? {
        guard isVersion6, bytes.prefix(10).allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF else {
            return nil
        }
        return Address(bytes: Array(bytes[12...]))
    }

    package var description: String {
        guard isVersion6 else { return bytes.map { String($0) }.joined(separator: ".") }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let length = text.count
        unsafe bytes.withUnsafeBytes { source in
            unsafe text.withUnsafeMutableBufferPointer { target in
                _ = unsafe inet_ntop(AF_INET6, source.baseAddress, target.baseAddress, socklen_t(length))
            }
        }
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// An address and a port.
package struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    package var address: Address
    package var port: UInt16

    package init(address: Address, port: UInt16) {
        self.address = address
        self.port = port
    }

    package var host: String { address.isVersion6 ? "[\(address)]" : address.description }
    package var description: String { "\(host):\(port)" }
}

/// Which addresses and ports a sweep looks at; held as ranges, so that a large network costs no memory.
package struct SweepTargets: Sendable {
    package struct Block: Sendable, Hashable {
        package var first: Address
        package var count: Int
    }

    /// The largest number of address and port pairs that one sweep takes on.
    package static let largest = 4_194_304

    package let blocks: [Block]
    package let ports: [UInt16]
    /// How many addresses come before each block, and at the end how many there are.
    private let starts: [Int]

    /// Reads `127.0.0.1`, `10.0.0.0/24`, `fd00::/120`, `localhost` and port lists such as `80,8000-8100`.
    ///
    /// Host names other than `localhost` are refused: resolving them would be traffic that nobody asked for.
    package init(hosts: [String], ports: [String]) throws(InvalidInput) {
        var blocks: [Block] = []
        var problems: [Diagnostic] = []
        for host in hosts {
            if let block = Self.block(host) {
                blocks.append(block)
            } else {
                problems.append(
                    Diagnostic(
                        code: "discover.hosts",
                        message: "`\(host)` is not an address or a CIDR range",
                        help: "give addresses such as `127.0.0.1`, `10.0.0.0/24` or `fd00::/120`"
                    )
                )
            }
        }
        var numbers: Set<UInt16> = []
        for item in ports {
            if let range = Self.range(item) {
                numbers.formUnion(range)
            } else {
                problems.append(
                    Diagnostic(
                        code: "discover.ports",
                        message: "`\(item)` is not a port or a range of ports",
                        help: "give ports from 1 to 65535, such as `80,443,8000-8100`"
                    )
                )
            }
        }
        self.blocks = blocks
        self.ports = numbers.sorted()
        let (addresses, overflow) = blocks.reduce((0, false)) { sum, block in
            let (value, carried) = sum.0.addingReportingOverflow(block.count)
            return (value, sum.1 || carried)
        }
        let (pairs, product) = addresses.multipliedReportingOverflow(by: max(1, self.ports.count))
        if overflow || product || pairs > Self.largest {
            problems.append(
                Diagnostic(
                    code: "discover.too-many",
                    message: "the sweep would look at more than \(Self.largest) pairs of address and port",
                    help: "name fewer addresses or ports, or split the sweep"
                )
            )
        }
        starts = overflow ? [0] : blocks.reduce(into: [0]) { $0.append(($0.last ?? 0) + $1.count) }
        guard problems.isEmpty else { throw InvalidInput(problems) }
    }

    package var count: Int { (starts.last ?? 0) * ports.count }

    /// The first address that is reachable from outside this machine's own networks, if there is one.
    package var firstPublic: Address? {
        for block in blocks {
            let last = Self.address(in: block, at: block.count - 1)
            // A range may begin in a private network and end outside of it.
            if !block.first.isPrivate { return block.first }
            if !last.isPrivate { return last }
        }
        return nil
    }

    /// Whether the sweep looks at this address and port.
    package func contains(_ endpoint: Endpoint) -> Bool {
        ports.contains(endpoint.port)
            && blocks.contains { block in
                let last = Self.address(in: block, at: block.count - 1)
                let bytes = endpoint.address.bytes
                return bytes.count == block.first.bytes.count && !bytes.lexicographicallyPrecedes(block.first.bytes)
                    && !last.bytes.lexicographicallyPrecedes(bytes)
            }
    }

    /// The pair at a position: ports vary slowest, so that no host is hit with all its ports at once.
    package func endpoint(at index: Int) -> Endpoint {
        let addresses = starts[blocks.count]
        let position = index % addresses
        // The last block that begins at or before the position.
        var low = 0
        var high = blocks.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if starts[middle] <= position { low = middle } else { high = middle - 1 }
        }
        return Endpoint(
            address: Self.address(in: blocks[low], at: position - starts[low]),
            port: ports[index / addresses]
        )
    }

    private static func address(in block: Block, at offset: Int) -> Address {
        var bytes = block.first.bytes
        var carry = offset
        for index in bytes.indices.reversed() where carry > 0 {
            let sum = Int(bytes[index]) + carry & 0xFF
            carry = carry >> 8 + sum >> 8
            bytes[index] = UInt8(sum & 0xFF)
        }
        return Address(bytes: bytes)
    }

    private static func block(_ text: String) -> Block? {
        if text == "localhost" { return Block(first: Address(bytes: [127, 0, 0, 1]), count: 1) }
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = Address(String(parts[0])) else { return nil }
        guard parts.count == 2 else { return Block(first: base, count: 1) }
        let width = base.bytes.count * 8
        guard parts[1].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let prefix = Int(parts[1]), (0...width).contains(prefix)
        else { return nil }
        var bytes = base.bytes
        for bit in prefix..<width { bytes[bit / 8] &= ~(0x80 >> UInt8(bit % 8)) }
        let hostBits = width - prefix
        return Block(first: Address(bytes: bytes), count: hostBits >= 40 ? .max : 1 << hostBits)
    }

    private static func range(_ text: String) -> ClosedRange<UInt16>? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let isDigits = parts.allSatisfy { $0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }
        guard isDigits, (1...2).contains(parts.count), let low = UInt16(parts[0]),
            let high = UInt16(parts[parts.count - 1]),
            low >= 1, low <= high
        else { return nil }
        return low...high
    }
}
