import Core
import Synchronization
import Wire

extension Blueprint {
    /// Invoices and payments; speaks 2026-07-28 alone, over TLS.
    static func finance(seed: UInt64) -> Blueprint {
        let books = Books(seed: seed)
        return Blueprint(
            name: "finance",
            title: "Finance",
            instructions: "Amounts are in cents.",
            owner: "finance-team",
            revisions: [.v2026_07_28],
            isTLS: true,
            tools: [
                LabTool(
                    """
                    {"name":"list_invoices","title":"List invoices","description":"Lists invoices by their state.",
                     "inputSchema":{"type":"object","properties":{
                       "state":{"type":"string","enum":["open","paid","overdue"]},
                       "limit":{"type":"integer","minimum":1,"maximum":100}},"additionalProperties":false},
                     "annotations":{"readOnlyHint":true,"openWorldHint":false}}
                    """,
                    action: books.list
                ),
                LabTool(
                    """
                    {"name":"get_invoice","title":"Get invoice","description":"Returns one invoice.",
                     "inputSchema":{"type":"object","properties":{"number":{"type":"string","pattern":"^INV-[0-9]{4}$"}},
                       "required":["number"],"additionalProperties":false},
                     "outputSchema":{"type":"object","properties":{"number":{"type":"string"},
                       "customer":{"type":"string"},"amountCents":{"type":"integer"},"state":{"type":"string"}},
                       "required":["number","amountCents","state"]},
                     "annotations":{"readOnlyHint":true,"openWorldHint":false}}
                    """,
                    action: books.get
                ),
                LabTool(
                    """
                    {"name":"create_payment","title":"Create payment","description":"Pays an invoice from the house account.",
                     "inputSchema":{"type":"object","properties":{"invoice":{"type":"string"},
                       "amountCents":{"type":"integer","minimum":1,"maximum":5000000},
                       "iban":{"type":"string","pattern":"^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$"},
                       "reference":{"type":"string","maxLength":140}},
                       "required":["invoice","amountCents","iban"],"additionalProperties":false},
                     "annotations":{"readOnlyHint":false,"destructiveHint":true,"idempotentHint":false,
                       "openWorldHint":true}}
                    """,
                    action: books.pay
                ),
                LabTool(
                    """
                    {"name":"exchange_rate","title":"Exchange rate","description":"Returns the house rate between currencies.",
                     "inputSchema":{"type":"object","properties":{"from":{"type":"string","enum":["EUR","USD","GBP"]},
                       "to":{"type":"string","enum":["EUR","USD","GBP"]}},"required":["from","to"],
                       "additionalProperties":false},
                     "annotations":{"readOnlyHint":true,"openWorldHint":false}}
                    """,
                    action: books.rate
                ),
            ]
        )
    }
}

private final class Books: Sendable {
    private struct Invoice {
        var number: String
        var customer: String
        var amountCents: Int64
        var state: String
    }

    /// Guards the invoices, whose state payments change.
    private let invoices: Mutex<[Invoice]>

    init(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed ^ 0x46_49)
        let customers = ["Acme Retail", "Borealis", "Cobalt Works", "Dune Logistics", "Elm & Sons"]
        let states = ["open", "paid", "overdue"]
        let made = (0..<30).map { index in
            Invoice(
                number: "INV-\(2001 + index)",
                customer: customers[Int.random(in: 0..<customers.count, using: &numbers)],
                amountCents: Int64.random(in: 1_000...900_000, using: &numbers),
                state: states[Int.random(in: 0..<states.count, using: &numbers)]
            )
        }
        invoices = Mutex(made)
    }

    func list(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let state = arguments["state"]?.string
        let found = invoices.withLock { $0 }.filter { state == nil || $0.state == state }
        return ["invoices": .array(found.prefix(Int(arguments.number("limit", default: 20))).map(Self.value))]
    }

    func get(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let number = arguments.text("number")
        guard let invoice = invoices.withLock({ $0.first { $0.number == number } }) else {
            throw ToolFailure("no such invoice")
        }
        return Self.value(invoice)
    }

    func pay(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let number = arguments.text("invoice")
        let isPaid = invoices.withLock { invoices in
            guard let index = invoices.firstIndex(where: { $0.number == number && $0.state != "paid" }),
                invoices[index].amountCents == arguments.number("amountCents")
            else { return false }
            invoices[index].state = "paid"
            return true
        }
        guard isPaid else { throw ToolFailure("no unpaid invoice of this number and amount") }
        return ["payment": .string("PAY-\(number)"), "status": "executed"]
    }

    func rate(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let inEuro = ["EUR": 1.0, "USD": 0.91, "GBP": 1.16]
        guard let from = inEuro[arguments.text("from")], let to = inEuro[arguments.text("to")] else {
            throw ToolFailure("no rate for this currency")
        }
        return ["rate": .number((from / to * 10_000).rounded() / 10_000)]
    }

    private static func value(_ invoice: Invoice) -> JSON.Value {
        [
            "number": .string(invoice.number), "customer": .string(invoice.customer),
            "amountCents": .integer(invoice.amountCents), "state": .string(invoice.state),
        ]
    }
}
