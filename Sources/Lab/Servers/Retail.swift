import Core
import Synchronization
import Wire

extension Blueprint {
    /// Stock and purchase orders of a chain of shops; answers in both eras and pages its list of tools.
    static func retail(seed: UInt64) -> Blueprint {
        let shop = Shop(seed: seed)
        return Blueprint(
            name: "retail-inventory",
            title: "Retail inventory",
            instructions: "Look up a product with search_products before you change its stock.",
            owner: "store-operations",
            revisions: [.v2025_03_26, .v2025_06_18, .v2025_11_25, .v2026_07_28],
            pageSize: 3,
            tools: [
                LabTool(RetailDefinitions.checkStock, action: shop.checkStock),
                LabTool(RetailDefinitions.searchProducts, action: shop.searchProducts),
                LabTool(RetailDefinitions.adjustStock, action: shop.adjustStock),
                LabTool(RetailDefinitions.createPurchaseOrder, action: shop.createPurchaseOrder),
                LabTool(RetailDefinitions.listLowStock, action: shop.listLowStock),
            ],
            prompts: [
                LabPrompt(
                    """
                    {"name":"restock_report","title":"Restock report","description":"Drafts the weekly restock report.",
                     "arguments":[{"name":"warehouse","description":"Warehouse code, such as AMS","required":true}]}
                    """,
                    text: "List what runs low in {warehouse} and draft purchase orders for my approval."
                )
            ],
            resources: [
                LabResource(
                    """
                    {"uri":"inventory://warehouses","name":"warehouses","description":"All warehouses",
                     "mimeType":"application/json"}
                    """,
                    text: #"["AMS","BER","LIS"]"#
                )
            ],
            resourceTemplates: [
                JSON.Object(
                    labText: """
                        {"uriTemplate":"inventory://products/{sku}","name":"product","mimeType":"application/json"}
                        """
                )
            ]
        )
    }
}

/// The stock of the shops, made from the seed.
private final class Shop: Sendable {
    private struct Product {
        var sku: String
        var name: String
        var category: String
        var stock: [String: Int64]
    }

    private struct State {
        var products: [Product]
        var orders: Int64 = 0
    }

    private static let warehouses = ["AMS", "BER", "LIS"]
    private static let names: [(String, String)] = [
        ("Oak shelf", "furniture"), ("Walnut desk", "furniture"), ("Desk lamp", "lighting"), ("Floor lamp", "lighting"),
        ("Wool rug", "textiles"), ("Linen curtain", "textiles"), ("Steel kettle", "kitchen"),
        ("Cast-iron pan", "kitchen"),
        ("Ceramic mug", "kitchen"), ("Pine stool", "furniture"),
    ]

    private let state: Mutex<State>

    init(seed: UInt64) {
        var numbers = SeededNumbers(seed: seed)
        var products: [Product] = []
        for (index, (name, category)) in Self.names.enumerated() {
            var stock: [String: Int64] = [:]
            for warehouse in Self.warehouses {
                stock[warehouse] = Int64.random(in: 0...240, using: &numbers)
            }
            products.append(Product(sku: "SKU-\(1001 + index)", name: name, category: category, stock: stock))
        }
        state = Mutex(State(products: products))
    }

    func checkStock(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let sku = arguments.text("sku")
        let product = try product(sku)
        let wanted = arguments["warehouse"]?.string
        let rows = product.stock.sorted { $0.key < $1.key }.filter { wanted == nil || $0.key == wanted }
        return [
            "sku": .string(sku), "name": .string(product.name),
            "quantity": .integer(rows.reduce(0) { $0 + $1.value }),
            "byWarehouse": .object(JSON.Object(rows.map { (key: $0.key, value: .integer($0.value)) })),
        ]
    }

    func searchProducts(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let query = arguments.text("query").lowercased()
        let category = arguments["category"]?.string
        let found = state.withLock { $0.products }.filter { product in
            product.name.lowercased().contains(query) && (category == nil || product.category == category)
        }
        let rows = found.prefix(Int(arguments.number("limit", default: 10))).map { product -> JSON.Value in
            ["sku": .string(product.sku), "name": .string(product.name), "category": .string(product.category)]
        }
        return ["products": .array(Array(rows))]
    }

    func adjustStock(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let sku = arguments.text("sku")
        let warehouse = arguments.text("warehouse")
        let delta = arguments.number("delta")
        let quantity: Int64? = state.withLock { state in
            guard let index = state.products.firstIndex(where: { $0.sku == sku }),
                let held = state.products[index].stock[warehouse], held + delta >= 0
            else { return nil }
            state.products[index].stock[warehouse] = held + delta
            return held + delta
        }
        guard let quantity else { throw ToolFailure("no such stock, or less than that on the shelf") }
        return ["sku": .string(sku), "warehouse": .string(warehouse), "quantity": .integer(quantity)]
    }

    func createPurchaseOrder(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        var total: Int64 = 0
        for line in arguments["lines"]?.array ?? [] {
            _ = try product(line["sku"]?.string ?? "")
            total += (line["quantity"]?.int ?? 0) * (line["unitPriceCents"]?.int ?? 0)
        }
        let number = state.withLock { state in
            state.orders += 1
            return state.orders
        }
        return ["order": .string("PO-\(5000 + number)"), "totalCents": .integer(total), "status": "draft"]
    }

    func listLowStock(_ arguments: JSON.Object) throws(ToolFailure) -> JSON.Value {
        let threshold = arguments.number("threshold", default: 20)
        var rows: [JSON.Value] = []
        for product in state.withLock({ $0.products }) {
            for (warehouse, held) in product.stock.sorted(by: { $0.key < $1.key }) where held < threshold {
                rows.append(["sku": .string(product.sku), "warehouse": .string(warehouse), "quantity": .integer(held)])
            }
        }
        return ["items": .array(rows)]
    }

    private func product(_ sku: String) throws(ToolFailure) -> Product {
        guard let product = state.withLock({ $0.products.first { $0.sku == sku } }) else {
            throw ToolFailure("no product has this sku")
        }
        return product
    }
}

/// The tools of the retail server as they are on the wire.
private enum RetailDefinitions {
    static let checkStock = """
        {"name":"check_stock","title":"Check stock","description":"Tells how many of a product are on the shelves.",
         "inputSchema":{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{
           "sku":{"type":"string","pattern":"^SKU-[0-9]{4}$","description":"Stock-keeping unit"},
           "warehouse":{"type":"string","enum":["AMS","BER","LIS"],"description":"Only this warehouse"}},
           "required":["sku"],"additionalProperties":false},
         "outputSchema":{"type":"object","properties":{"sku":{"type":"string"},"name":{"type":"string"},
           "quantity":{"type":"integer"},"byWarehouse":{"type":"object","additionalProperties":{"type":"integer"}}},
           "required":["sku","quantity"]},
         "annotations":{"readOnlyHint":true,"openWorldHint":false}}
        """
    static let searchProducts = """
        {"name":"search_products","title":"Search products","description":"Finds products by a part of their name.",
         "inputSchema":{"type":"object","properties":{"query":{"type":"string","minLength":1},
           "category":{"type":"string","enum":["furniture","lighting","textiles","kitchen"]},
           "limit":{"type":"integer","minimum":1,"maximum":50,"default":10}},
           "required":["query"],"additionalProperties":false},
         "annotations":{"readOnlyHint":true,"openWorldHint":false}}
        """
    static let adjustStock = """
        {"name":"adjust_stock","title":"Adjust stock",
         "description":"Corrects the number of a product in one warehouse after a count, a breakage or a return.",
         "inputSchema":{"type":"object","properties":{"sku":{"type":"string","pattern":"^SKU-[0-9]{4}$"},
           "warehouse":{"type":"string","enum":["AMS","BER","LIS"]},
           "delta":{"type":"integer","minimum":-500,"maximum":500},
           "reason":{"type":"string","enum":["count","breakage","return","theft"]}},
           "required":["sku","warehouse","delta","reason"],"additionalProperties":false},
         "annotations":{"readOnlyHint":false,"destructiveHint":true,"idempotentHint":false,"openWorldHint":false}}
        """
    static let createPurchaseOrder = """
        {"name":"create_purchase_order","title":"Create purchase order",
         "description":"Drafts an order with a supplier; a buyer releases it.",
         "inputSchema":{"type":"object","properties":{"supplierId":{"type":"string","pattern":"^SUP-[0-9]{3}$"},
           "lines":{"type":"array","minItems":1,"maxItems":100,"items":{"type":"object","properties":{
             "sku":{"type":"string"},"quantity":{"type":"integer","minimum":1,"maximum":10000},
             "unitPriceCents":{"type":"integer","minimum":0}},"required":["sku","quantity","unitPriceCents"],
             "additionalProperties":false}},
           "note":{"type":"string","maxLength":500}},"required":["supplierId","lines"],"additionalProperties":false},
         "outputSchema":{"type":"object","properties":{"order":{"type":"string"},"totalCents":{"type":"integer"},
           "status":{"type":"string"}},"required":["order","totalCents","status"]},
         "annotations":{"readOnlyHint":false,"destructiveHint":false,"openWorldHint":false}}
        """
    static let listLowStock = """
        {"name":"list_low_stock","title":"List low stock","description":"Lists what has fallen below a threshold.",
         "inputSchema":{"type":"object","properties":{"threshold":{"type":"integer","minimum":1,"default":20}},
           "additionalProperties":false},
         "annotations":{"readOnlyHint":true,"openWorldHint":false}}
        """
}
