import Core
import Foundation
import Testing

@testable import Survey

/// Small programs that do what servers should not, and what is left of them.
@Suite struct LaunchTests {
    static let quick = Launch.Limits(
        total: .seconds(2),
        grace: .milliseconds(100),
        lineBytes: 64 << 10,
        outputBytes: 128 << 10
    )

    static func server(_ script: String, environment: [String: String] = [:]) -> Launch.Server {
        Launch.Server(
            name: "test",
            command: ["/bin/sh", "-c", script],
            environment: environment,
            canonicalKey: "stdio:here/test",
            location: "test.json servers.test"
        )
    }

    /// Answers in the words of 2025-11-25, one line for each question it knows.
    static let honest = #"""
        while read -r line; do
          id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
          case "$line" in
            *'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"shell","version":"1.0"}}}\n' "$id" ;;
            *'"tools/list"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}}\n' "$id" ;;
            *'"id"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":"no"}}\n' "$id" ;;
          esac
        done
        """#

    /// The processes that carry a mark of this test in their command line.
    static func living(_ word: String) -> [String] {
        let ids = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return ids.filter { id in
            guard Int(id) != nil, id != String(getpid()),
                let line = try? Data(contentsOf: URL(filePath: "/proc/\(id)/cmdline"))
            else { return false }
            return String(decoding: line, as: UTF8.self).contains(word)
        }
    }

    static func unique() -> String { "6" + String(UInt32.random(in: 100_000...999_999)) }

    @Test func describesAServerThatSpeaksTheLegacyEra() async throws {
        let outcome = await Launch().describe(Self.server(Self.honest))
        let sighting = try #require(outcome.sightings.first)
        let description = try #require(sighting.description)
        #expect(sighting.source == "launch")
        #expect(sighting.transport == .stdio)
        #expect(description.name == "shell")
        #expect(description.revisions == ["2025-11-25"])
        #expect(description.definitions.map(\.name) == ["echo"])
        #expect(outcome.gaps.isEmpty)
    }

    @Test func skipsWhatAProgramPrintsBesidesItsMessages() async throws {
        let outcome = await Launch().describe(Self.server("echo starting up; echo '{'; " + Self.honest))
        #expect(outcome.sightings.first?.description?.definitions.count == 1)
        #expect(outcome.gaps.map(\.reason) == ["it writes lines to standard output that are not messages"])
    }

    /// As the servers of the Python SDK do: the first question decides which era a process speaks from then on.
    @Test func startsAServerAgainThatSpeaksOneEraAProcess() async throws {
        let script = #"""
            era=
            while read -r line; do
              id=$(printf '%s' "$line" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
              case "$era$line" in
                legacy*'"server/discover"'*|modern*'"initialize"'*) printf '{"jsonrpc":"2.0","id":%s,"error":{"code":-32022,"message":"no","data":{"supported":[]}}}\n' "$id" ;;
                *'"server/discover"'*) era=modern; printf '{"jsonrpc":"2.0","id":%s,"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}}\n' "$id" ;;
                *'"initialize"'*) era=legacy; printf '{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"a","version":"1"}}}\n' "$id" ;;
                *'"id"'*) printf '{"jsonrpc":"2.0","id":%s,"result":{"tools":[]}}\n' "$id" ;;
              esac
            done
            """#
        let outcome = await Launch().describe(Self.server(script))
        #expect(outcome.sightings.first?.description?.revisions == ["2026-07-28", "2025-11-25"])
        #expect(outcome.gaps.isEmpty)
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        var name: String
        var script: String
        /// Part of the reason that is given.
        var reason: String
        var testDescription: String { name }
    }

    @Test(
        .timeLimit(.minutes(10)),
        arguments: [
            Fault(name: "hangs", script: "sleep NUMBER", reason: "did not answer"),
            Fault(name: "ends at once", script: "exit 3", reason: "did not answer"),
            Fault(name: "closes its output", script: "exec >&-; sleep NUMBER", reason: "did not answer"),
            Fault(name: "says why", script: "echo 'no such table' >&2; exit 1", reason: "no such table"),
            Fault(
                name: "writes without end",
                script: "yes 'NUMBER aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
                reason: "more to standard output than is read"
            ),
            Fault(
                name: "writes one line without end",
                script: "tr '\\0' 'a' </dev/zero # NUMBER",
                reason: "more to standard output than is read"
            ),
            Fault(
                name: "floods its standard error",
                script: "yes NUMBER >&2 & sleep NUMBER",
                reason: "did not answer"
            ),
            Fault(
                name: "leaves a child that ignores the polite signal",
                script: "(trap '' TERM HUP INT; sleep NUMBER) & exec sleep NUMBER",
                reason: "did not answer"
            ),
            Fault(
                name: "ends before its child that ignores the polite signal",
                script: "(trap '' TERM HUP INT; sleep NUMBER & wait) & exit 0",
                reason: "did not answer"
            ),
            Fault(
                name: "ends before a child in a session of its own",
                script:
                    "setsid sh -c 'trap \"\" TERM; sleep NUMBER; sleep NUMBER' >/dev/null 2>&1 </dev/null & sleep 0.2; exit 0",
                reason: "did not answer"
            ),
            Fault(
                name: "starts processes without end",
                script: "i=0; while [ $i -lt 400 ]; do sleep NUMBER & i=$((i+1)); done; wait",
                reason: "more than 64 processes"
            ),
            Fault(name: "does not exist", script: "exec /nonexistent/NUMBER", reason: "/nonexistent"),
        ]
    )
    func leavesNobodyBehind(_ fault: Fault) async {
        let number = Self.unique()
        let script = fault.script.replacing("NUMBER", with: number)
        let outcome = await Launch(limits: Self.quick).describe(Self.server(script))
        #expect(outcome.sightings.isEmpty)
        #expect(outcome.gaps.count == 1)
        #expect(outcome.gaps.first?.reason.contains(fault.reason) == true, "\(outcome.gaps)")
        #expect(Self.living(number).isEmpty)
    }

    @Test func endsAnHonestServerAndItsStubbornChild() async {
        let number = Self.unique()
        let outcome = await Launch().describe(
            Self.server("(trap '' TERM HUP; sleep \(number)) & " + Self.honest)
        )
        #expect(outcome.sightings.count == 1)
        #expect(Self.living(number).isEmpty)
    }

    @Test func endsEverythingWhenTheCallIsCancelled() async {
        let number = Self.unique()
        let task = Task {
            await Launch(limits: Self.quick).describe(Self.server("trap '' TERM; sleep \(number); sleep \(number)"))
        }
        task.cancel()
        _ = await task.value
        #expect(Self.living(number).isEmpty)
    }

    @Test func givesTheProgramAnEnvironmentOfItsOwn() async {
        let outcome = await Launch(limits: Self.quick).describe(
            Self.server(
                "env | sed 's/=.*//' | sort | tr '\\n' ' ' >&2; exit 1",
                environment: ["GIVEN": "x", "BAD=NAME": "x"]
            )
        )
        let names = outcome.gaps.first?.reason.split(separator: ": ").last?.split(separator: " ").map(String.init) ?? []
        #expect(
            Set(names).subtracting(["OLDPWD", "PWD", "SHLVL", "_"]) == [
                "GIVEN", "HOME", "LANG", "LOCKSTEP_LAUNCH", "PATH", "TMPDIR",
            ]
        )
    }

    @Test func keepsSecretsOutOfWhatItSays() async {
        let secret = "correct-horse-battery"
        let outcome = await Launch(limits: Self.quick).describe(
            Self.server("echo \"cannot log in with $KEY\" >&2; exit 1", environment: ["KEY": secret])
        )
        #expect(outcome.gaps.first?.reason.hasSuffix("cannot log in with <redacted>") == true, "\(outcome.gaps)")
        #expect(!"\(Self.server("x", environment: ["KEY": secret]))".contains(secret))
    }

    @Test func setsTheLimitsBeforeTheProgramRuns() async {
        let limits = Launch.Limits(
            total: .seconds(2),
            grace: .milliseconds(100),
            memoryBytes: 256 << 20,
            cpuSeconds: 7,
            fileBytes: 1 << 20
        )
        let outcome = await Launch(limits: limits).describe(
            Self.server("echo \"$(ulimit -t) $(ulimit -f) $(ulimit -d) $(ulimit -c)\" >&2; exit 1")
        )
        #expect(outcome.gaps.first?.reason.hasSuffix(": 7 2048 262144 0") == true, "\(outcome.gaps)")
    }

    @Test func removesTheHomeThatItMade() async throws {
        let outcome = await Launch(limits: Self.quick).describe(
            Self.server("mkdir -p \"$HOME/a/b\"; echo x >\"$HOME/a/b/c\"; echo \"home $HOME\" >&2; exit 1")
        )
        let home = try #require(outcome.gaps.first?.reason.split(separator: " ").last)
        #expect(home.contains("lockstep-"))
        #expect(!FileManager.default.fileExists(atPath: String(home)))
    }

    @Test(arguments: [
        ("bad token=plainword", "bad token=<redacted>"), ("password: plainword!", "password: <redacted>"),
        ("GET /mcp?token=plainword&mode=fast", "GET /mcp?token=<redacted>&mode=fast"),
        ("{\"api_key\": \"x\", \"mode\":\"fast\"}", "{\"api_key\": \"<redacted>\", \"mode\":\"fast\"}"),
        ("error: no such table", "error: no such table"), ("token = plainword", "token = <redacted>"),
    ])
    func whatALineAssignsToASecretNameIsHidden(_ line: String, _ shown: String) {
        #expect(Launch.withoutAssignments(line) == shown)
    }
}
