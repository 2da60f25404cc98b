import Actions
import Core
import Foundation
import Playbooks
import Testing
import Workspace

/// Hooks are programs of others: every way in which one can end has its answer.
@Suite struct RunHookTests {
    private func outcome(_ body: String, observing: Bool = false, token: String? = nil) async throws -> String {
        let folder = try TestWorkspace()
        defer { folder.remove() }
        let path = try folder.script("hook.sh", body)
        var estate = folder.estate
        estate.configuration.hooks = [.init(name: "deploy", command: [path], timeout: .seconds(600))]
        let action = try #require(estate.catalogue.actions["exec.run"])
        var request = folder.request(["hook": "deploy", "with": ["item": "hr"]])
        if let token { request.secrets["token"] = Redacted(token) }
        if observing {
            switch await action.observe(request) {
            case .absent: return "absent"
            case .done(let result): return "done \(JSON.Value.object(result.outputs))"
            case .unknown: return "unknown"
            }
        }
        do throws(StepError) {
            let result = try await action.apply(request)
            return "done \(JSON.Value.object(result.outputs))"
        } catch {
            return error.code.rawValue
        }
    }

    @Test(arguments: [
        ("exit 0", "done {\"result\":{}}"), ("echo '{\"a\":1}'", "done {\"result\":{\"a\":1}}"),
        ("cat", "done {\"result\":{\"item\":\"hr\"}}"), ("echo nonsense", "permanent"), ("exit 1", "permanent"),
        ("exit 75", "transient"), ("exit 3", "permanent"), ("kill -9 $$", "permanent"),
        ("echo \"\\\"$LOCKSTEP_MODE\\\"\"", "done {\"result\":\"apply\"}"),
        ("echo \"\\\"$LOCKSTEP_KEY\\\"\"", "done {\"result\":\"key-0123456789abcdef\"}"),
        ("echo \"\\\"${HOME-unset}\\\"\"", "done {\"result\":\"unset\"}"),
    ])
    func theWayAHookEndsDecides(_ body: String, _ answer: String) async throws {
        #expect(try await outcome(body) == answer)
    }

    @Test(arguments: [
        ("exit 0", "done {\"result\":{}}"), ("exit 3", "absent"), ("exit 1", "unknown"), ("exit 75", "unknown"),
        ("echo nonsense", "unknown"), ("test \"$LOCKSTEP_MODE\" = observe && exit 3", "absent"),
    ])
    func aHookIsAskedWhetherItsEffectIsThere(_ body: String, _ answer: String) async throws {
        #expect(try await outcome(body, observing: true) == answer)
    }

    @Test func aHookThatEchoesItsSecretDoesNotPublishIt() async throws {
        let body = "printf '{\"a\":[\"is %s\"],\"%s\":1}' \"$LOCKSTEP_TOKEN\" \"$LOCKSTEP_TOKEN\""
        let answer = try await outcome(body, token: "plain \\word")
        #expect(!answer.contains("word"), "\(answer)")
        #expect(
            try await outcome("echo \"[\\\"$LOCKSTEP_TOKEN\\\"]\"", token: "swordfish")
                == "done {\"result\":[\"<redacted>\"]}"
        )
    }

    @Test func aHookThatIsNotDeclaredIsNeverRun() async throws {
        let folder = try TestWorkspace(hooks: [.init(name: "deploy", command: ["/bin/true"])])
        defer { folder.remove() }
        let action = try folder.action("exec.run")
        do throws(StepError) {
            _ = try await action.apply(folder.request(["hook": "depoly"]))
            Issue.record("it ran")
        } catch {
            #expect(error.help == "did you mean `deploy`?")
        }
    }
}
