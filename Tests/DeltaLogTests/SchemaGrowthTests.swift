import Base
import DeltaLog
import Storage
import Testing

/// Columns come to tables that have rows.
@Suite struct SchemaGrowthTests {
  private static let small = DeltaSchema(columns: [
    DeltaColumn("device_id", .string), DeltaColumn("temp", .double, unit: "°C"),
    DeltaColumn("event_date", .date),
  ])

  private static func schema(_ columns: [DeltaColumn]) -> DeltaSchema {
    DeltaSchema(columns: columns + [DeltaColumn("event_date", .date)])
  }

  private static func names(_ text: String?) throws -> [String] {
    let fields = try JSONValue(parsing: #require(text))["fields"]?.arrayValue ?? []
    return fields.compactMap { $0["name"]?.stringValue }
  }

  private static func reasons(_ wanted: DeltaSchema) -> [String] {
    do throws(SchemaConflict) {
      let text = try SchemaGrowth.text(of: "readings_x", adding: wanted, to: small.schemaText)
      Issue.record("taken: \(text ?? "as it is")")
      return []
    } catch {
      #expect("\(error)".hasPrefix("table readings_x cannot take the columns"))
      return error.reasons
    }
  }

  @Test func `new columns come behind, and what is not asked for stays`() throws {
    let wanted = Self.schema([DeltaColumn("mode", .string), DeltaColumn("temp", .double)])
    let text = try SchemaGrowth.text(of: "t", adding: wanted, to: Self.small.schemaText)
    #expect(try Self.names(text) == ["device_id", "temp", "event_date", "mode"])
    let again = try SchemaGrowth.text(of: "t", adding: wanted, to: #require(text))
    #expect(again == nil, "it has them now")
    let before = try JSONValue(parsing: Self.small.schemaText)["fields"]?.arrayValue
    let after = try JSONValue(parsing: #require(text))["fields"]?.arrayValue
    #expect(after.map { Array($0.dropLast()) } == before, "units and types of before included")
  }

  @Test func `the same columns in another order change nothing`() throws {
    let turned = DeltaSchema(columns: Self.small.columns.reversed())
    #expect(try SchemaGrowth.text(of: "t", adding: turned, to: Self.small.schemaText) == nil)
  }

  @Test func `another type, another unit and a name that differs by case are refused, all at once`()
  {
    let reasons = Self.reasons(
      Self.schema([DeltaColumn("temp", .float, unit: "K"), DeltaColumn("Device_ID", .string)]))
    #expect(reasons.count == 2)
    #expect(reasons[0].hasPrefix("temp is double there and would be float: a column keeps its"))
    #expect(reasons[1].hasPrefix("Device_ID differs from its column device_id by case alone"))
    #expect(
      Self.reasons(Self.schema([DeltaColumn("temp", .double, unit: "K")]))
        == [
          "temp is in °C there and would be in K: a column keeps its unit, so give the new one "
            + "another name"
        ])
  }

  @Test func `a column that has no unit may get one`() throws {
    let wanted = Self.schema([DeltaColumn("device_id", .string, unit: "name")])
    let text = try #require(
      try SchemaGrowth.text(of: "t", adding: wanted, to: Self.small.schemaText))
    let field = try JSONValue(parsing: text)["fields"]?.arrayValue?.first
    #expect(field?["metadata"]?["unit"]?.stringValue == "name")
    #expect(field?["type"]?.stringValue == "string")
  }

  @Test func `a column that has no comment may get one, and one that has keeps it`() throws {
    let first = Self.schema([DeltaColumn("temp", .double, comment: "of the cell")])
    let text = try #require(
      try SchemaGrowth.text(of: "t", adding: first, to: Self.small.schemaText))
    let fields = try JSONValue(parsing: text)["fields"]?.arrayValue ?? []
    #expect(fields[1]["metadata"]?["comment"]?.stringValue == "of the cell")
    #expect(fields[1]["metadata"]?["unit"]?.stringValue == "°C")
    let other = Self.schema([DeltaColumn("temp", .double, comment: "of something else")])
    #expect(try SchemaGrowth.text(of: "t", adding: other, to: text) == nil)
    let configured = Self.schema([
      DeltaColumn("temp", .double, comment: "of something else", isCommentConfigured: true)
    ])
    #expect(try SchemaGrowth.text(of: "t", adding: configured, to: text) != nil)
  }

  @Test func `what others have set stays when the schema grows, and the table takes it`() throws {
    let storage = MemoryStorage()
    let table = smallTable(storage)
    var bookmark = try table.apply([entry(0)], ledgerEnd: 0, after: .empty).bookmark
    var members = try #require(metaData()["metaData"]?.members)
    members.append(JSONMember("description", "rows of the fleet"))
    let place = try #require(members.firstIndex { $0.name == "configuration" })
    members[place] = JSONMember("configuration", ["delta.appendOnly": "true"])
    try putForeign(storage, 1, [["metaData": .object(members)]])
    bookmark = try table.catchUp(after: bookmark).bookmark
    // A summary keeps it.
    bookmark = try #require(TableBookmark(bookmark.json))
    let wanted = Self.schema([DeltaColumn("id", .long), DeltaColumn("more", .double)])
    let before = try #require(bookmark.metaData)
    let grown = try #require(try SchemaGrowth.metaData(of: "t", adding: wanted, to: before))
    #expect(grown["description"]?.stringValue == "rows of the fleet")
    #expect(grown["configuration"]?["delta.appendOnly"]?.stringValue == "true")
    #expect(grown["id"] == metaData()["metaData"]?["id"])
    let entries = [entry(0), entry(1, [["metaData": grown]]), entry(2)]
    bookmark = try table.apply(entries, ledgerEnd: 2, after: bookmark).bookmark
    #expect(bookmark.txnVersion == 2)
    #expect(try Self.names(bookmark.metaData?["schemaString"]?.stringValue).last == "more")
    // Whoever reads the whole log sees the same table, and one that is still ours.
    #expect(try table.catchUp(after: .empty).bookmark == bookmark)
  }
}
