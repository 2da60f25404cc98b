import ArgumentParser
import Core
import Gateway

extension MonitorCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say who is denied everything, on which gateway and why."
        )

        @OptionGroup var gateways: GatewayOptions

        func run() async throws {
            let replies = try await gateways.reach().atOnce { gateway in
                (gateway.id, await gateway.get("/v1/revocations"))
            }
            var all: [JSON.Value] = []
            var isWhole = true
            for (id, reply) in replies {
                guard case .success(let reply) = reply, reply.status == 200 else {
                    isWhole = false
                    switch reply {
                    case .failure(let error): Output.talk("\(Output.printable(id)) unreachable: \(error.message)")
                    case .success(let reply):
                        let why = reply.body["error"]?.string ?? "it answered with \(reply.status)"
                        Output.talk("\(Output.printable(id)) failed: \(Output.printable(why))")
                    }
                    continue
                }
                for var entry in (reply.body.array ?? []).compactMap(\.object) where entry["lifted"] == nil {
                    entry["gateway"] = .string(id)
                    entry["proof"] = nil
                    all.append(.object(entry))
                }
            }
            let columns = ["principal", "gateway", "time", "by", "reason"]
            switch gateways.output.format {
            case .table: Output.answer(Output.table(columns, all.map { one in columns.map { one[$0]?.string ?? "" } }))
            case .json: Output.answer(.array(all))
            }
            if !isWhole { throw ExitStatus.failed }
        }
    }
}
