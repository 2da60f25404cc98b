import Actions
import ArgumentParser
import Core
import Gateway

struct AskCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ask",
        abstract: "Answer what gateways ask people about.",
        subcommands: [List.self, Allow.self, Deny.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the calls that wait for a person.")

        @OptionGroup var gateways: GatewayOptions

        func run() async throws {
            let reach = try gateways.reach()
            var all: [JSON.Value] = []
            // Those of wrapped programs lie in folders, whatever runs.
            for gateway in reach {
                for question in (try? gateway.contact.get())?.questions.open(at: SystemClock().now()) ?? [] {
                    var shown = question.shownJSON.object ?? [:]
                    shown["gateway"] = .string(gateway.id)
                    all.append(.object(shown))
                }
            }
            let replies = await reach.atOnce { gateway in (gateway.id, await gateway.get("/v1/asks")) }
            var isWhole = true
            for (id, reply) in replies {
                switch reply {
                case .success(let reply) where reply.status == 200:
                    for var question in (reply.body.array ?? []).compactMap(\.object) {
                        question["gateway"] = .string(id)
                        all.append(.object(question))
                    }
                case .success(let reply):
                    isWhole = false
                    Output.talk("\(Output.printable(id)): it answered with \(reply.status)")
                case .failure(let error):
                    isWhole = false
                    Output.talk("\(Output.printable(id)) unreachable: \(error.message)")
                }
            }
            let columns = ["id", "gateway", "principal", "server", "tool", "arguments", "rule", "time"]
            switch gateways.output.format {
            case .table:
                // Who allows a call has to see every name in it: what a cell would cut stands below, whole.
                let long = all.filter { ($0["arguments"]?.string?.utf8.count ?? 0) > Output.cellLimit }
                let rows = all.map { ask in
                    columns.map { column in
                        let text = ask[column]?.string ?? ""
                        return column == "arguments" && text.utf8.count > Output.cellLimit ? "(below)" : text
                    }
                }
                Output.answer(Output.table(columns, rows))
                for ask in long {
                    Output.answer("\(ask["id"]?.string ?? ""): \(Output.printable(ask["arguments"]?.string ?? ""))")
                }
            case .json: Output.answer(.array(all))
            }
            if !isWhole { throw ExitStatus.failed }
        }
    }

    struct Allow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Allow exactly the call that was asked about, once, for fifteen minutes."
        )
        @OptionGroup var options: AnswerOptions

        func run() async throws { try await options.answer("allow") }
    }

    struct Deny: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Deny the call that was asked about.")
        @OptionGroup var options: AnswerOptions

        func run() async throws { try await options.answer("deny") }
    }
}

/// What both answers need.
struct AnswerOptions: ParsableArguments {
    @Argument(help: "Id of the question, as the agent was given it.") var id: String
    @Option(help: "Why; kept in the gateway's audit log.") var reason: String?
    @Option(name: .customLong("as"), help: "Who answers; the person of lockstep.yaml with this OS user unless given.")
    var person: String?
    @OptionGroup var gateways: GatewayOptions

    func answer(_ word: String) async throws {
        guard !id.isEmpty, id.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else {
            throw CommandFailure(
                "ask.id",
                "`\(Output.printable(id))` is not the id of a question",
                help: "`lockstep ask list` shows what is asked",
                status: ExitStatus.invalidInput
            )
        }
        let by = try person ?? ControlSigning.parse([]).name
        let reach = try gateways.reach()
        if let (gateway, question) = try answerWrapped(word, by, reach) {
            return say(word, gateway, question.shownJSON)
        }
        var body: JSON.Object = ["by": .string("user:\(by)")]
        body["reason"] = reason.map(JSON.Value.string)
        let (path, sent) = ("/v1/asks/\(id)/\(word)", JSON.Value.object(body))
        // The id is one of one gateway's; the others do not know it.
        let replies = await reach.atOnce { gateway in (gateway.id, await gateway.post(path, sent)) }
        for case (let gateway, .success(let reply)) in replies where reply.status == 200 {
            say(word, gateway, reply.body)
            return
        }
        for case (let gateway, .failure(let error)) in replies {
            Output.talk("\(Output.printable(gateway)) unreachable: \(error.message)")
        }
        throw CommandFailure(
            "ask.unknown",
            "no question `\(id)` is open",
            help: "a question is open for fifteen minutes and is answered once; see `lockstep ask list`"
        )
    }

    /// A question of a wrapped program; nothing where it is none that can be answered.
    private func answerWrapped(
        _ word: String,
        _ by: String,
        _ reach: [GatewayReach]
    ) throws -> (gateway: String, question: Asks.Question)? {
        guard let answer = Asks.Answer(rawValue: word) else { return nil }
        for gateway in reach {
            guard let questions = try? gateway.contact.get().questions else { continue }
            do throws(FileFault) {
                let found = try questions.answer(id, answer, by: "user:\(by)", reason: reason, at: SystemClock().now())
                if let found { return (gateway.id, found) }
            } catch {
                if error == .missing { continue }
                throw CommandFailure(
                    "ask.unwritten",
                    "the answer could not be written, so nothing changed: the folder of questions \(error.sentence)"
                )
            }
        }
        return nil
    }

    private func say(_ word: String, _ gateway: String, _ question: JSON.Value) {
        switch gateways.output.format {
        case .table:
            let call = ["principal", "server", "tool", "arguments"].map { question[$0]?.string ?? "" }
            Output.answer(
                "\(Output.printable(gateway)) \(word == "allow" ? "allowed" : "denied") \(call[0]): "
                    + Output.printable("\(call[1])/\(call[2]) \(call[3])")
            )
        case .json:
            var object = question.object ?? [:]
            object["gateway"] = .string(gateway)
            object["answer"] = .string(word)
            Output.answer(.object(object))
        }
    }
}
