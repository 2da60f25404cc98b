import Actions
import Core
import Gateway

/// What a gateway signs about itself, and what that is worth.
struct GatewayPulse: Sendable {
    /// Nothing where the gateway said nothing.
    private let check: HeartbeatCheck?

    /// Programs alone have nobody who would say one.
    private let isWanted: Bool

    init(of gateway: GatewayReach) async {
        isWanted = (try? gateway.contact.get().desk) == nil
        guard case .success(let contact) = gateway.contact,
            case .success(let reply) = await gateway.get("/v1/heartbeat"), reply.status == 200
        else {
            check = nil
            return
        }
        check = contact.check(heartbeat: reply.body, now: SystemClock().now())
    }

    var isSound: Bool {
        if case .good = check { return true }
        return !isWanted
    }

    private var said: Heartbeat? {
        switch check {
        case .good(let said), .stale(let said): said
        case .unproven, nil: nil
        }
    }

    /// The number of the bundle in force, as it was signed.
    var revision: String { said?.revision.map { String($0) } ?? "" }

    var json: JSON.Value {
        var object = said?.json.object ?? [:]
        object["verified"] = .bool(said != nil)
        object["fresh"] = .bool(isSound)
        return .object(object)
    }

    /// Says what is not as it should be, of the heartbeat and of the bundle in `status`.
    func talk(_ gateway: String, _ status: JSON.Value) {
        let name = Output.printable(gateway)
        switch check {
        case .good: break
        case .stale(let said): Output.talk("\(name): its last heartbeat is of \(said.time)")
        case .unproven: Output.talk("\(name): its heartbeat is not signed with the keys of its folder")
        case nil where !isWanted: break
        case nil: Output.talk("\(name): there is no heartbeat of it")
        }
        let bundle = status["bundle"] ?? .null
        if bundle["state"]?.string == "in force", let mode = bundle["mode"]?.string, let other = status["mode"]?.string,
            mode != other
        {
            Output.talk("\(name): its bundle is for \(mode), and somebody has put it in \(other)")
        }
        let source = Output.printable(bundle["source"]?.string ?? "")
        switch bundle["state"]?.string {
        case "none": Output.talk("\(name): no bundle came from \(source) so far; \(Self.meaning(bundle))")
        case "expired":
            Output.talk("\(name): its bundle expired on \(bundle["expires"]?.string ?? ""); \(Self.meaning(bundle))")
        default: break
        }
        if let refused = bundle["refused"], let code = refused["code"]?.string {
            let what = Output.printable("\(refused["name"]?.string ?? ""): \(refused["message"]?.string ?? "")")
            Output.talk("\(name): refused \(what) [\(code)]")
        }
    }

    private static func meaning(_ bundle: JSON.Value) -> String {
        switch bundle["when-none"]?.string {
        case "record": "everything is let through and recorded"
        case "last-good" where bundle["state"]?.string == "expired": "it stays in force"
        default: "everything is denied"
        }
    }
}
