import Core
import Wire

extension Blueprint {
    /// Personnel records behind a bearer token; a client without one is told where to look for it.
    static func hr(seed: UInt64) -> Blueprint {
        let people = Personnel(seed: seed)
        return Blueprint(
            name: "hr",
            title: "Human resources",
            owner: "people-team",
            revisions: [.v2025_06_18],
            token: "lab-hr-token",
            tools: [
                LabTool(
                    """
                    {"name":"find_employee","title":"Find employee","description":"Finds employees by name or team.",
                     "inputSchema":{"type":"object","properties":{"query":{"type":"string","minLength":1},
                       "team":{"type":"string"}},"required":["query"],"additionalProperties":false},
                     "annotations":{"readOnlyHint":true,"openWorldHint":false}}
                    """,
                    action: people.find
                ),
                LabTool(
                    """
                    {"name":"get_employee","title":"Get employee",
                     "description":"Returns the personnel record of one employee, with pay and home address.",
                     "inputSchema":{"type":"object","properties":{"id":{"type":"string","pattern":"^E[0-9]{4}$"}},
                       "required":["id"],"additionalProperties":false},
                     "outputSchema":{"type":"object","properties":{"id":{"type":"string"},"name":{"type":"string"},
                       "email":{"type":"string","format":"email"},"team":{"type":"string"},
                       "salaryCents":{"type":"integer"},"iban":{"type":"string"}},"required":["id","name"]},
                     "annotations":{"readOnlyHint":true,"openWorldHint":false}}
                    """,
                    action: people.get
                ),
                LabTool(
                    """
                    {"name":"request_leave","title":"Request leave","description":"Files a request for leave.",
                     "inputSchema":{"type":"object","properties":{"id":{"type":"string","pattern":"^E[0-9]{4}$"},
                       "from":{"type":"string","format":"date"},"days":{"type":"integer","minimum":1,"maximum":30}},
                       "required":["id","from","days"],"additionalProperties":false},
                     "annotations":{"readOnlyHint":false,"destructiveHint":false,"openWorldHint":false}}
                    """,
                    action: people.requestLeave
                ),
            ]
        )
    }

    /// Rooms and doors, open to anyone who can reach the port.
    static func facilities(seed: UInt64) -> Blueprint {
        Blueprint(
            name: "facilities",
            title: "Facilities",
            owner: "unknown",
            revisions: [.v2025_03_26],
            hasSessions: false,
            tools: [
                LabTool(
                    """
                    {"name":"unlock_door","description":"Unlocks a door of the building for a minute.",
                     "inputSchema":{"type":"object","properties":{"door":{"type":"string"}},"required":["door"]},
                     "annotations":{"readOnlyHint":false,"destructiveHint":true}}
                    """,
                    action: { arguments throws(ToolFailure) in
                        ["door": .string(arguments.text("door")), "unlockedForSeconds": 60]
                    }
                ),
                LabTool(
                    """
                    {"name":"room_temperature","description":"Reads the temperature of a room in degrees Celsius.",
                     "inputSchema":{"type":"object","properties":{"room":{"type":"string"}},"required":["room"]},
                     "annotations":{"readOnlyHint":true}}
                    """,
                    action: { arguments throws(ToolFailure) in
                        var numbers = SeededNumbers(seed: seed &+ UInt64(arguments.text("room").utf8.count))
                        let tenths = Int64.random(in: 180...240, using: &numbers)
                        return ["room": .string(arguments.text("room")), "celsius": .number(Double(tenths) / 10)]
                    }
                ),
            ]
        )
    }
}

/// The employees, made from the seed.
///
/// All of them are invented.
private struct Personnel: Sendable {
    private struct Employee {
        var id: String
        var name: String
        var team: String
        var salaryCents: Int64
        var iban: String
    }

    private let employees: [Employee]

    init(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed ^ 0x48_52)
        let given = ["Ana", "Bela", "Chidi", "Dora", "Emre", "Farah", "Goran", "Hana", "Ivo", "Jun"]
        let family = ["Alvarez", "Brandt", "Chen", "Dumont", "Eriksen", "Fofana", "Grimaldi", "Horvat"]
        let teams = ["finance", "operations", "research", "sales"]
        employees = (0..<24).map { index in
            let name = "\(given[index % given.count]) \(family[Int.random(in: 0..<family.count, using: &numbers)])"
            let account = Int64.random(in: 1_000_000_000...9_999_999_999, using: &numbers)
            return Employee(
                id: "E\(1001 + index)",
                name: name,
                team: teams[index % teams.count],
                salaryCents: Int64.random(in: 3_000_000...12_000_000, using: &numbers),
                iban: "NL00LABB\(account)"
            )
        }
    }

    func find(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let query = arguments.text("query").lowercased()
        let team = arguments["team"]?.string
        let found = employees.filter { $0.name.lowercased().contains(query) && (team == nil || $0.team == team) }
        return [
            "employees": .array(
                found.map { ["id": .string($0.id), "name": .string($0.name), "team": .string($0.team)] }
            )
        ]
    }

    func get(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let employee = try employee(arguments.text("id"))
        let address = employee.name.lowercased().split(separator: " ").joined(separator: ".")
        return [
            "id": .string(employee.id), "name": .string(employee.name), "email": .string("\(address)@lab.example"),
            "team": .string(employee.team), "salaryCents": .integer(employee.salaryCents),
            "iban": .string(employee.iban),
        ]
    }

    func requestLeave(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let employee = try employee(arguments.text("id"))
        return [
            "request": .string("L-\(employee.id)-\(arguments.text("from"))"),
            "days": .integer(arguments.number("days")),
            "status": "waiting for approval",
        ]
    }

    private func employee(_ id: String) throws(ToolFailure) -> Employee {
        guard let employee = employees.first(where: { $0.id == id }) else { throw ToolFailure("no such employee") }
        return employee
    }
}
