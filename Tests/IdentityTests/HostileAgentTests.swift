import Foundation
import Glibc
import Testing

@testable import Identity

/// Agents that lie, stall or hang up; each on a socket of its own, served by one thread.
struct HostileAgentTests {
    enum Behaviour: String, Sendable, CaseIterable {
        case silent, hangsUp, hangsUpInside, emptyFrame, hugeFrame, wrongType, failure, tooManyKeys, cutShort,
            trailing, trickles

        /// What it sends; nothing where it keeps the connection open without a word.
        var answer: [UInt8] {
            switch self {
            case .silent, .hangsUp: []
            case .hangsUpInside: [0, 0, 0, 9, 12]
            case .emptyFrame: [0, 0, 0, 0]
            case .hugeFrame: [0xff, 0xff, 0xff, 0xff, 12]
            case .wrongType: [0, 0, 0, 5, 14, 0, 0, 0, 0]
            case .failure: [0, 0, 0, 1, 5]
            case .tooManyKeys: [0, 0, 0, 5, 12, 0xff, 0xff, 0xff, 0xff]
            case .cutShort: [0, 0, 0, 9, 12, 0, 0, 0, 1, 0, 0, 0, 200]
            case .trailing: [0, 0, 0, 6, 12, 0, 0, 0, 0, 7]
            case .trickles: [0, 0, 0, 5, 12, 0]
            }
        }

        var staysOpen: Bool { self == .silent || self == .trickles }

        var expected: SSHError.Code {
            switch self {
            case .silent, .trickles: .agentTimeout
            case .failure: .agentRefused
            default: .agentProtocol
            }
        }
    }

    /// Listens, answers one connection and waits until its client is gone.
    private final class FakeAgent: Sendable {
        let path: String
        private let listener: Int32

        init(in scratch: Scratch, answer: [UInt8], staysOpen: Bool) throws {
            path = scratch.file("fake")
            listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
            let bound = unsafe withUnsafePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
                }
            }
            guard bound == 0, listen(listener, 4) == 0 else { throw CocoaError(.fileWriteUnknown) }
            Thread.detachNewThread { [listener] in
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                var buffer = [UInt8](repeating: 0, count: 4096)
                _ = unsafe recv(client, &buffer, buffer.count, 0)
                _ = unsafe send(client, answer, answer.count, Int32(MSG_NOSIGNAL))
                while staysOpen, unsafe recv(client, &buffer, buffer.count, 0) > 0 {}
                close(client)
            }
        }

        deinit {
            shutdown(listener, Int32(SHUT_RDWR))
            close(listener)
        }
    }

    @Test(.timeLimit(.minutes(10)), arguments: Behaviour.allCases)
    func eachEndsWithItsCode(behaviour: Behaviour) throws {
        let scratch = try Scratch()
        let fake = try FakeAgent(in: scratch, answer: behaviour.answer, staysOpen: behaviour.staysOpen)
        let agent = SSHAgent(socket: fake.path, limit: behaviour.staysOpen ? .milliseconds(100) : .seconds(30))
        let error = #expect(throws: SSHError.self) { try agent.keys() }
        #expect(error?.code == behaviour.expected)
    }

    @Test(.timeLimit(.minutes(10))) func aSignatureThatDoesNotFitIsNotPassedOn() throws {
        let scratch = try Scratch()
        let key = try TestKeys.ed25519(seed: 1).publicKey
        var signature = SSHWriter()
        signature.string("ssh-ed25519")
        signature.string([UInt8](repeating: 1, count: 64))
        var payload = SSHWriter()
        payload.byte(14)
        payload.string(signature.bytes)
        var frame = SSHWriter()
        frame.string(payload.bytes)
        let fake = try FakeAgent(in: scratch, answer: frame.bytes, staysOpen: false)
        let signer = SSHSigner.agent(SSHAgent(socket: fake.path, limit: .seconds(30)), key)
        let error = #expect(throws: SSHError.self) { try signer.sign([1], namespace: "n") }
        #expect(error?.code == .invalidSignature)
    }

    @Test func anAgentThatIsNotThereSaysSo() throws {
        let scratch = try Scratch()
        let long = "/tmp/" + String(repeating: "a", count: 200)
        for path in ["", scratch.file("none"), scratch.path, long, "/tmp/a\u{0}b"] {
            let error = #expect(throws: SSHError.self) { try SSHAgent(socket: path).keys() }
            #expect(error?.code == .agentUnavailable)
        }
        for environment in [[:], ["SSH_AUTH_SOCK": ""]] {
            let error = #expect(throws: SSHError.self) { try SSHAgent(environment: environment) }
            #expect(error?.code == .agentUnavailable)
        }
    }
}
