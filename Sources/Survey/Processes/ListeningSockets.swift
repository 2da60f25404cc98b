/// A TCP port of this machine on which somebody listens.
package struct ListeningSocket: Sendable, Hashable {
    /// As it is bound: `127.0.0.1`, `0.0.0.0`, `::`, `fe80::1`.
    package var address: String
    package var port: Int
    package var inode: UInt64
    /// The numeric id of the user whose socket it is.
    package var user: UInt32
    /// The process that holds it, where that can be seen.
    package var process: Int?
    /// What runs in that process, if it is known: `ollama`, `npm:@example/server`.
    package var label: String?

    package init(
        address: String,
        port: Int,
        inode: UInt64,
        user: UInt32,
        process: Int? = nil,
        label: String? = nil
    ) {
        self.address = address
        self.port = port
        self.inode = inode
        self.user = user
        self.process = process
        self.label = label
    }

    /// Whether other machines cannot reach it.
    package var isLoopbackOnly: Bool { address == "::1" || address.hasPrefix("127.") }

    /// The loopback address at which it answers, or nil where it is bound to another interface only.
    package var loopbackAddress: String? {
        if isLoopbackOnly { return address }
        switch address {
        case "0.0.0.0", "::": return address == "::" ? "::1" : "127.0.0.1"
        default: return nil
        }
    }
}

/// The kernel's tables of TCP sockets (`proc_net_tcp` in the kernel's documentation).
enum SocketTable {
    /// The sockets in state LISTEN (0A), and how many lines could not be understood.
    ///
    /// Addresses are written as 32-bit words in the byte order of the machine; all that this runs on are little-endian.
    static func listening(_ table: [UInt8]) -> (sockets: [ListeningSocket], badLines: Int) {
        var sockets: [ListeningSocket] = []
        var badLines = 0
        for line in table.split(separator: 0x0A).dropFirst() {
            let fields = line.split(separator: 0x20).map { String(decoding: $0, as: UTF8.self) }
            if fields.isEmpty { continue }
            guard fields.count >= 10 else {
                badLines += 1
                continue
            }
            guard fields[3] == "0A" else { continue }
            let parts = fields[1].split(separator: ":")
            guard parts.count == 2, let address = address(parts[0]), let port = Int(parts[1], radix: 16),
                (1...65535).contains(port), let user = UInt32(fields[7]), let inode = UInt64(fields[9])
            else {
                badLines += 1
                continue
            }
            sockets.append(ListeningSocket(address: address, port: port, inode: inode, user: user))
        }
        return (sockets, badLines)
    }

    private static func address(_ text: Substring) -> String? {
        guard text.utf8.count == 8 || text.utf8.count == 32 else { return nil }
        var bytes: [UInt8] = []
        var rest = text
        while !rest.isEmpty {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            for shift in [0, 8, 16, 24] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
            rest = rest.dropFirst(8)
        }
        if bytes.count == 4 { return dotted(bytes[...]) }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        return isMapped ? dotted(bytes[12...]) : colons(bytes)
    }

    private static func dotted(_ bytes: ArraySlice<UInt8>) -> String {
        bytes.map { String($0) }.joined(separator: ".")
    }

    /// RFC 5952: no leading zeros, the longest run of zeros shortened.
    private static func colons(_ bytes: [UInt8]) -> String {
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(1, best.count) { best = start..<end }
            start = max(end, start + 1)
        }
        let text = { (part: ArraySlice<UInt16>) in part.map { String($0, radix: 16) }.joined(separator: ":") }
        guard !best.isEmpty else { return text(groups[...]) }
        return text(groups[..<best.lowerBound]) + "::" + text(groups[best.upperBound...])
    }
}
