import Base
import DeltaLog
import Testing

@Suite struct DeltaSchemaTests {
  private let schema = DeltaSchema(columns: [
    DeltaColumn("v", .double, comment: "battery", unit: "V"),
    DeltaColumn("event_date", .date, isNullable: false),
  ])

  @Test func `the schema is written as Spark's JSON`() {
    #expect(
      schema.schemaText
        == #"{"type":"struct","fields":[{"name":"v","type":"double","nullable":true,"metadata":"#
        + #"{"comment":"battery","unit":"V"}},{"name":"event_date","type":"date","nullable":false,"#
        + #""metadata":{}}]}"#)
  }

  @Test func `actions have Delta's members`() {
    #expect(
      DeltaAction.protocolAction.text
        == #"{"protocol":{"minReaderVersion":1,"minWriterVersion":2}}"#)
    let action = DeltaAction.metaData(
      id: "u", name: "windows", schema: schema, configuration: [("delta.x", "y")],
      createdTimeMillis: 5)
    #expect(
      action.text
        == #"{"metaData":{"id":"u","name":"windows","format":{"provider":"parquet","options":{}},"#
        + #""schemaString":"# + JSONValue.string(schema.schemaText).text
        + #","partitionColumns":["event_date"],"configuration":{"delta.x":"y"},"createdTime":5}}"#)
  }

  @Test func `an add carries its encoded path and its statistics as text`() {
    let file = AddFile(
      path: "event_date=2026-11-21/a b.parquet",
      partitionValues: [("event_date", "2026-11-21"), ("region", nil)], byteCount: 10,
      modificationTimeMillis: 20, statistics: FileStatistics(recordCount: 1, columns: []))
    #expect(
      file.action.text
        == #"{"add":{"path":"event_date=2026-11-21/a%20b.parquet","partitionValues":"#
        + #"{"event_date":"2026-11-21","region":null},"size":10,"modificationTime":20,"#
        + #""dataChange":true,"stats":"{\"numRecords\":1,\"minValues\":{},\"maxValues\":{},"#
        + #"\"nullCount\":{}}"}}"#)
  }

  @Test func `the fingerprint sees what binds writers and nothing else`() throws {
    func fingerprint(_ text: String) throws -> String {
      try SchemaFingerprint.of(schemaText: text, partitionColumns: ["event_date"])
    }
    let text = schema.schemaText
    #expect(try fingerprint(text) == schema.fingerprint)
    let comment = text.replacing("battery", with: "cell")
    #expect(try fingerprint(comment) == schema.fingerprint)
    let layout = #"{ "fields" : "# + text.dropFirst(#"{"type":"struct","fields":"#.count)
    #expect(try fingerprint(layout) == schema.fingerprint)
    for (old, new) in [
      ("\"double\"", "\"float\""), ("\"v\"", "\"w\""), ("true", "false"),
      ("\"unit\"", "\"delta.invariants\""),
    ] {
      #expect(try fingerprint(text.replacing(old, with: new)) != schema.fingerprint)
    }
    #expect(
      try SchemaFingerprint.of(schemaText: text, partitionColumns: []) != schema.fingerprint)
  }

  @Test func `a schema with two names equal but for case is a bug`() async {
    await #expect(processExitsWith: .failure) {
      _ = DeltaSchema(
        columns: [DeltaColumn("a", .long), DeltaColumn("A", .long)], partitionColumns: [])
    }
  }
}
