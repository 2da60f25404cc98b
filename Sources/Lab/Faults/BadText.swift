/// Answers that are not JSON as this project understands it, in the shape of a tools list.
enum BadText {
    static func notUTF8(id: String) -> [UInt8] {
        Array(
            "{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":{\"resultType\":\"complete\",\"tools\":[{\"name\":\"caf".utf8
        )
            + [0xE9, 0xFF] + Array("\",\"inputSchema\":{\"type\":\"object\"}}]}}".utf8)
    }

    static func duplicateKeys(id: String) -> [UInt8] {
        Array(
            ("{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":{\"tools\":[]},"
                + "\"result\":{\"tools\":[{\"name\":\"hidden\",\"inputSchema\":{\"type\":\"object\"}}]}}").utf8
        )
    }

    static func deeplyNested(id: String) -> [UInt8] {
        let depth = 100_000
        return Array("{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":{\"tools\":".utf8)
            + [UInt8](repeating: UInt8(ascii: "["), count: depth)
            + [UInt8](repeating: UInt8(ascii: "]"), count: depth) + Array("}}".utf8)
    }
}
