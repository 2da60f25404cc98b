import Core
import Testing

@testable import Survey

@Suite struct NetworkTargetsTests {
    @Test(arguments: [
        ("127.0.0.1", 1), ("localhost", 1), ("10.0.0.0/24", 256), ("10.0.0.77/24", 256), ("10.0.0.0/32", 1),
        ("fd00::/120", 256), ("::1", 1), ("fd00::1/128", 1), ("192.168.0.0/16", 65_536),
    ])
    func countsAddresses(_ host: String, _ count: Int) throws {
        #expect(try SweepTargets(hosts: [host], ports: ["80"]).count == count)
    }

    @Test(arguments: [
        "example.com", "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "10.0.0.1/+8", "010.0.0.1", "10.0.0.1 ", "", "/24",
        "fd00::/129",
        "fe80::1%eth0", "1", "0x7f.1", "10.0.0.0/8/8",
    ])
    func refusesHosts(_ host: String) {
        #expect(throws: InvalidInput.self) { try SweepTargets(hosts: [host], ports: ["80"]) }
    }

    @Test(arguments: ["0", "65536", "80-", "-80", "90-80", "80-90-100", "http", "", " 80", "+80", "8٠"])
    func refusesPorts(_ port: String) {
        #expect(throws: InvalidInput.self) { try SweepTargets(hosts: ["127.0.0.1"], ports: [port]) }
    }

    @Test(arguments: [["0.0.0.0/0"], ["::/0"], ["fd00::/64"], ["10.0.0.0/8", "::/1", "::/1"], ["::/24", "::/24"]])
    func refusesMoreThanASweepTakesOn(_ hosts: [String]) {
        #expect(throws: InvalidInput.self) { try SweepTargets(hosts: hosts, ports: ["80"]) }
    }

    @Test func givesEachPairOnceAndSpreadsThePorts() throws {
        let targets = try SweepTargets(
            hosts: ["10.0.0.254/31", "127.0.0.1", "fd00::fffe/127", "10.0.1.255"],
            ports: ["80,81".replacing(",", with: "-"), "443"]
        )
        let all = (0..<targets.count).map { targets.endpoint(at: $0).description }
        #expect(all.count == 18)
        #expect(Set(all).count == 18)
        #expect(
            all.prefix(7) == [
                "10.0.0.254:80", "10.0.0.255:80", "127.0.0.1:80", "[fd00::fffe]:80", "[fd00::ffff]:80", "10.0.1.255:80",
                "10.0.0.254:81",
            ]
        )
    }

    @Test(arguments: [
        ("127.0.0.1", false), ("127.255.255.254", false), ("10.255.255.255", false), ("172.15.255.255", true),
        ("172.16.0.0", false), ("172.31.255.255", false), ("172.32.0.1", true), ("192.168.1.1", false),
        ("192.169.0.1", true), ("169.254.1.1", false), ("100.64.0.1", false), ("100.128.0.1", true), ("8.8.8.8", true),
        ("0.0.0.0", true), ("::1", false), ("::2", true), ("::ffff:8.8.8.8", true), ("::ffff:127.0.0.1", false),
        ("::ffff:10.0.0.1", false), ("fd12::1", false), ("fe80::1", false), ("fec0::1", true),
        ("2001:4860::8888", true),
        ("10.0.0.0/7", true), ("172.16.0.0/12", false), ("172.16.0.0/11", true), ("9.255.255.255/32", true),
    ])
    func knowsWhatIsPublic(_ host: String, _ isPublic: Bool) throws {
        // A range that is too large to sweep is refused before anyone asks whether it is public.
        guard let targets = try? SweepTargets(hosts: [host], ports: ["80"]) else {
            #expect(host.contains("/"))
            return
        }
        #expect((targets.firstPublic != nil) == isPublic)
    }

    @Test func findsWhoListensAndNobodyElse() async throws {
        try await TestServer.raw({ _, _ in }) { server in
            let port = Int(server.endpoint.port)
            let targets = try SweepTargets(hosts: ["127.0.0.1", "::1"], ports: ["\(port)", "1"])
            let outcome = await Sweep(targets: targets).run()
            #expect(outcome.open == [server.endpoint])
            #expect(outcome.open.count + outcome.refused + outcome.unanswered + outcome.failed.values.reduce(0, +) == 4)
        }
    }

    @Test func stopsWhenItIsCancelled() async throws {
        let targets = try SweepTargets(hosts: ["127.0.0.0/16"], ports: ["1-60"])
        let task = Task { await Sweep(targets: targets).run() }
        task.cancel()
        #expect(await task.value.notReached > 0)
    }
}
