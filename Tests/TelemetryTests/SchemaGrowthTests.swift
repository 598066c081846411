import Telemetry
import Testing

/// How a schema is compared with the one that a state was saved with.
@Suite struct SchemaGrowthTests {
  private static func schema(_ attributes: [String]) -> ReadingSchema {
    ReadingSchema(
      source: "test", attributes: attributes, hasSequence: false, isNarrow: false,
      metrics: [MetricColumn(name: "a", type: .double)])
  }

  @Test(arguments: [[], ["region"], ["region", "firmware"], ["a_b", "_", "x1"]])
  func `a list of attributes is read back as it was written`(names: [String]) {
    let saved = Self.schema(["other"]).saved(attributeList: Self.schema(names).attributeList)
    #expect(saved == Self.schema(names))
  }

  @Test(arguments: [
    ",", "region,", "region,firmware", "region, region", "re gion", " region", "a,, b",
  ])
  func `what is no list of attributes is none`(list: String) {
    #expect(Self.schema(["region"]).saved(attributeList: list) == nil)
  }

  @Test func `rows of words follow their attributes, and new ones are unknown`() {
    let (old, new) = (Self.schema(["a", "b"]), Self.schema(["c", "b"]))
    let none = WordTable.none
    #expect(new.attributeRows([1, 2, 3, none], count: 2, of: old) == [none, 2, none, none])
    #expect(new.attributeRows([], count: 2, of: Self.schema([])) == [none, none, none, none])
    #expect(Self.schema([]).attributeRows([1, 2], count: 1, of: old) == [])
  }
}
