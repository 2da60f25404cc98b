import Core
import NIOCore
import Policies
import Traffic
import Wire

/// A request that went on to the server and is not answered yet.
struct PendingCall: Sendable {
    /// The bytes of the id, as the client wrote them.
    let id: [UInt8]
    let method: String
    let meaning: MethodCatalogue.Meaning
    /// What is used: a tool, a prompt, a resource; empty where the method names nothing.
    let name: String
    /// Of what is decided on; nil for lists and the like.
    var use: Use?

    /// A use of a tool, or of what is treated like one.
    struct Use: Sendable {
        var record: CallRecord
        let conversation: Conversation
        /// What it counts towards beside its conversation.
        var tally: Tallies.Key?
        let open: SessionObserver.OpenCall
        var observed: ObservedCall
        let decision: Decision?
        /// Whether it is kept out of recordings, and so out of what is learned.
        var isCanary = false
    }
}

/// What was decided about the messages of a request, and what goes on.
struct Passage {
    enum Verb: String { case post = "POST", get = "GET", delete = "DELETE" }

    let verb: Verb
    let route: GatewayConfiguration.Route
    let revision: ProtocolRevision
    let caller: Caller
    let session: ProtocolSession?
    let body: ByteBuffer
    /// Requests among the messages, in their order.
    var calls: [PendingCall]
    /// Fields of the request that go on, beside those that the gateway sets.
    var fields: [(name: String, value: String)]
    /// Written before the request goes on; a durable one holds it up.
    var entries: [(bytes: [UInt8], isDurable: Bool)]
    /// What `initialize` said, where the request is one.
    var opening: Opening?
    /// Where the server takes the request; nil is the route's own path.
    var upstreamPath: String?
    var lastEvent: String?

    struct Opening: Sendable {
        let clientName: String?
        let revision: ProtocolRevision
    }
}
