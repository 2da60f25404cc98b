import Testing

@testable import Gateway

@Suite struct DescriptorsTests {
    @Test(arguments: [(1_024, 2, 1), (1_024, 64, 40), (20_000, 2, 3), (1 << 20, 64, 100), (300, 1, 0)])
    func `clients and what is kept for servers never take what the gateway needs itself`(
        limit: Int,
        loops: Int,
        servers: Int
    ) {
        let all = Descriptors(limit: limit, loops: loops)
        all.share(wanted: 20_000, servers: servers)
        #expect((1...20_000).contains(all.clients) && (1...64).contains(all.spare))
        let taken = all.clients * 2 + all.spare * max(servers, 1) * loops
        #expect(all.clients == 1 || taken + Descriptors.kept + 4 * loops <= limit)
    }

    @Test func `with enough files there are as many clients as are wanted`() {
        let all = Descriptors(limit: 30_000, loops: 2)
        all.share(wanted: 10_000, servers: 1)
        #expect(all.clients == 10_000)
        #expect(!all.isFull)
        for _ in 0..<10_000 { all.opened() }
        #expect(all.isFull)
        all.closed()
        #expect(!all.isFull)
    }

    @Test func `the process may have at least as many files open as before`() { #expect(Descriptors.raise() >= 256) }
}
