/// An IPv4 or IPv6 address.
///
/// An IPv4-mapped IPv6 address is the IPv4 address it maps.
package struct IPAddress: Sendable, Hashable {
    /// 4 or 16 octets.
    package let octets: [UInt8]

    package init?(octets: [UInt8]) {
        switch octets.count {
        case 4: self.octets = octets
        case 16:
            let isMapped = octets.prefix(10).allSatisfy { $0 == 0 } && octets[10] == 255 && octets[11] == 255
            self.octets = isMapped ? Array(octets.suffix(4)) : octets
        default: return nil
        }
    }

    /// Reads the usual text forms; no zone, and no dotted quad inside an IPv6 address.
    package init?(_ text: String) {
        guard text.utf8.count <= 45 else { return nil }
        let bytes = text.utf8.contains(UInt8(ascii: ":")) ? Self.six(text) : Self.four(text)
        guard let bytes else { return nil }
        self.init(octets: bytes)
    }

    private static func four(_ text: String) -> [UInt8]? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var octets: [UInt8] = []
        for part in parts {
            guard (1...3).contains(part.count), part.allSatisfy(\.isDigit),
                part.count == 1 || part.first != UInt8(ascii: "0"), let octet = UInt8(String(part) ?? "")
            else { return nil }
            octets.append(octet)
        }
        return octets
    }

    private static func six(_ text: String) -> [UInt8]? {
        var groups: [UInt16] = []
        var gap: Int?
        var rest = text.utf8[...]
        if rest.starts(with: "::".utf8) {
            gap = 0
            rest = rest.dropFirst(2)
        }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.hexValue != nil }
            guard (1...4).contains(digits.count), let group = UInt16(String(digits) ?? "", radix: 16), groups.count < 8
            else { return nil }
            groups.append(group)
            rest = rest.dropFirst(digits.count)
            if rest.isEmpty { break }
            if rest.starts(with: "::".utf8) {
                guard gap == nil else { return nil }
                gap = groups.count
                rest = rest.dropFirst(2)
            } else {
                guard rest.first == UInt8(ascii: ":") else { return nil }
                rest = rest.dropFirst()
                guard !rest.isEmpty else { return nil }
            }
        }
        if let gap {
            guard groups.count < 8 else { return nil }
            groups.insert(contentsOf: Array(repeating: 0, count: 8 - groups.count), at: gap)
        }
        guard groups.count == 8 else { return nil }
        return groups.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] }
    }

    var isIPv4: Bool { octets.count == 4 }
    var isUnspecified: Bool { octets.allSatisfy { $0 == 0 } }

    var isLoopback: Bool {
        isIPv4 ? octets[0] == 127 : octets.dropLast().allSatisfy { $0 == 0 } && octets.last == 1
    }

    var isMulticast: Bool { isIPv4 ? octets[0] & 0xF0 == 0xE0 : octets[0] == 255 }

    var isLinkLocalMulticast: Bool {
        isIPv4 ? octets.starts(with: [224, 0, 0]) : octets[0] == 255 && octets[1] & 0x0F == 2
    }

    var isLinkLocalUnicast: Bool {
        isIPv4 ? octets.starts(with: [169, 254]) : octets[0] == 0xFE && octets[1] & 0xC0 == 0x80
    }

    var isGlobalUnicast: Bool {
        !isUnspecified && !isLoopback && !isMulticast && !isLinkLocalUnicast
            && !(isIPv4 && octets.allSatisfy { $0 == 255 })
    }

    /// The address with all bits after a prefix cleared.
    func masked(_ length: Int) -> [UInt8] {
        octets.enumerated().map { index, octet in
            let kept = min(max(length - index * 8, 0), 8)
            return octet & UInt8(truncatingIfNeeded: 0xFF00 >> kept)
        }
    }
}

extension IPAddress: CustomStringConvertible {
    /// The canonical text; RFC 5952 for IPv6: lower case, the longest run of zero groups shortened.
    package var description: String {
        if isIPv4 { return octets.map(String.init).joined(separator: ".") }
        let groups = stride(from: 0, to: 16, by: 2).map { UInt16(octets[$0]) << 8 | UInt16(octets[$0 + 1]) }
        var longest = 0..<0
        var start = 0
        while start < 8 {
            let end = groups[start...].firstIndex { $0 != 0 } ?? 8
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = max(end, start + 1)
        }
        func text(_ groups: ArraySlice<UInt16>) -> String {
            groups.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !longest.isEmpty else { return text(groups[...]) }
        return text(groups[..<longest.lowerBound]) + "::" + text(groups[longest.upperBound...])
    }
}

/// An address with the length of a prefix, such as `10.0.0.0/8`; the bits after the prefix are kept.
package struct IPNetwork: Sendable, Hashable {
    package let address: IPAddress
    package let prefixLength: Int

    package init?(_ text: String) {
        guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")),
            let address = IPAddress(String(text[..<slash]))
        else { return nil }
        let digits = text.utf8[text.utf8.index(after: slash)...]
        guard (1...3).contains(digits.count), digits.allSatisfy(\.isDigit),
            digits.count == 1 || digits.first != UInt8(ascii: "0"), let length = Int(String(digits) ?? "")
        else { return nil }
        self.init(address, length)
    }

    init?(_ address: IPAddress, _ prefixLength: Int) {
        guard (0...address.octets.count * 8).contains(prefixLength) else { return nil }
        self.address = address
        self.prefixLength = prefixLength
    }

    var masked: IPNetwork? { IPAddress(octets: address.masked(prefixLength)).flatMap { IPNetwork($0, prefixLength) } }

    package func contains(_ other: IPAddress) -> Bool {
        other.octets.count == address.octets.count && other.masked(prefixLength) == address.masked(prefixLength)
    }

    package func contains(_ other: IPNetwork) -> Bool {
        other.prefixLength >= prefixLength && contains(other.address)
    }
}

extension IPNetwork: CustomStringConvertible {
    package var description: String { "\(address)/\(prefixLength)" }
}

extension StandardFunction {
    /// The extension for network addresses.
    func address(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        guard let first = arguments.first, arguments.count == (self == .containsIP || self == .containsCIDR ? 2 : 1)
        else {
            throw meter.noOverload(rawValue, arguments)
        }
        for argument in arguments { try meter.charge(text: argument) }
        switch (self, first) {
        case (.ip, .string(let text)): return .address(try parse(text, meter))
        case (.ip, .address): return first
        case (.ip, .network(let network)): return .address(network.address)
        case (.cidr, .string(let text)): return .network(try parseNetwork(text, meter))
        case (.isIP, .string(let text)): return .bool(IPAddress(text) != nil)
        case (.isCIDR, .string(let text)): return .bool(IPNetwork(text) != nil)
        case (.ipIsCanonical, .string(let text)): return .bool(try parse(text, meter).description == text)
        case (.family, .address(let address)): return .int(address.isIPv4 ? 4 : 6)
        case (.isUnspecified, .address(let address)): return .bool(address.isUnspecified)
        case (.isLoopback, .address(let address)): return .bool(address.isLoopback)
        case (.isGlobalUnicast, .address(let address)): return .bool(address.isGlobalUnicast)
        case (.isLinkLocalMulticast, .address(let address)): return .bool(address.isLinkLocalMulticast)
        case (.isLinkLocalUnicast, .address(let address)): return .bool(address.isLinkLocalUnicast)
        case (.masked, .network(let network)): return network.masked.map(Value.network) ?? first
        case (.prefixLength, .network(let network)): return .int(Int64(network.prefixLength))
        case (.containsIP, .network(let network)):
            switch arguments[1] {
            case .address(let address): return .bool(network.contains(address))
            case .string(let text): return .bool(network.contains(try parse(text, meter)))
            default: throw meter.noOverload(rawValue, arguments)
            }
        case (.containsCIDR, .network(let network)):
            switch arguments[1] {
            case .network(let other): return .bool(network.contains(other))
            case .string(let text): return .bool(network.contains(try parseNetwork(text, meter)))
            default: throw meter.noOverload(rawValue, arguments)
            }
        default: throw meter.noOverload(rawValue, arguments)
        }
    }

    private func parse(_ text: String, _ meter: Meter) throws(EvaluationError) -> IPAddress {
        guard let address = IPAddress(text) else {
            throw meter.error(.invalidArgument, "`\(text.shortened)` is no IP address")
        }
        return address
    }

    private func parseNetwork(_ text: String, _ meter: Meter) throws(EvaluationError) -> IPNetwork {
        guard let network = IPNetwork(text) else {
            throw meter.error(.invalidArgument, "`\(text.shortened)` is no network in CIDR notation")
        }
        return network
    }
}
