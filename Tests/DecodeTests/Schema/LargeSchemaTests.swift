import Telemetry
import Testing

@testable import Decode

/// Schemas of a size, or of a shape, that recursion over types would not survive.
@Suite struct LargeSchemaTests {
  /// `count` types, each of which leads to those that `next` names.
  private func catalogue(
    count: Int, onlyFirstHasTime: Bool = false, next: (Int) -> [Int]
  ) throws -> MessageCatalogue {
    var builder = DescriptorBuilder()
    for index in 0..<count {
      var fields: [DescriptorBuilder.Field] = [.init(name: "id", number: 1, type: .string)]
      if index == 0 || !onlyFirstHasTime {
        fields.append(.init(name: "at", number: 2, type: .int64))
      }
      for (place, target) in next(index).enumerated() {
        fields.append(
          .init(
            name: "m\(place)", number: UInt32(3 + place), type: .message, message: "M\(target)"))
      }
      builder.add("M\(index)", fields)
    }
    return builder.catalogue()
  }

  private func mapping(_ metrics: MessageMapping.Metrics) -> MessageMapping {
    MessageMapping(
      source: "s", messageName: "M0", device: .field("id"),
      time: .init(field: "at", unit: .seconds), metrics: metrics, plausibleFromMicros: 0)
  }

  @Test func `a chain of types longer than the stack is deep is compiled`() throws {
    let catalogue = try catalogue(count: 5000) { $0 < 4999 ? [$0 + 1] : [] }
    let plan = try DecodePlan(mapping(.list([.init(field: "m0.at")])), catalogue: catalogue)
    #expect(plan.schema.metrics.map(\.name) == ["m0_at"])
    let root = try #require(catalogue.type(named: "M0"))
    #expect(ScanTable(root).nodes.count == 5000)
    #expect(CDescriptors(root).byteCount > 5000 * 100)
    // As deep as messages are read, and no deeper; names of columns end before.
    let faults = faults(of: mapping(.all), catalogue)
    #expect(faults.count == 22 && faults.allSatisfy { $0.problem.contains("at most 128") })
  }

  @Test func `types with more paths than anybody has time for are refused, not searched`() throws {
    // Each leads to six others, and those to six: 6^20 paths.
    let next = { (index: Int) in index < 114 ? (0..<6).map { index / 6 * 6 + 6 + $0 } : [] }
    let numbers = try catalogue(count: 120, next: next)
    #expect(
      faults(of: mapping(.all), numbers).map(\.description)
        == ["metrics: there are more than 2000 metrics; list those you need"])
    let texts = try catalogue(count: 120, onlyFirstHasTime: true, next: next)
    #expect(
      faults(of: mapping(.all), texts).map(\.description).last
        == "metrics: M0 has more than 100000 fields, those of messages inside included; list those "
        + "you need")
  }

  private func faults(
    of mapping: MessageMapping, _ catalogue: MessageCatalogue
  ) -> [DecodePlanFault] {
    do {
      _ = try DecodePlan(mapping, catalogue: catalogue)
      return []
    } catch {
      return error.faults
    }
  }
}
