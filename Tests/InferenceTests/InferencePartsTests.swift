import Base
import Decode
import Testing

@testable import Inference

/// The small parts that proposals rest on.
@Suite struct InferencePartsTests {
  @Test func `names are taken apart at case and punctuation`() {
    #expect(NameHints.words(of: "batteryVoltage_v-2") == ["battery", "voltage", "v", "2"])
    #expect(NameHints.device("device_id") == 4)
    #expect(NameHints.device("deviceId") == 4)
    #expect(NameHints.device("id") == 2)
    #expect(NameHints.device("device_model") == -3)
    #expect(NameHints.device("altitude") == 0)
    #expect(NameHints.time("time_unix_ms") == 2)
    #expect(NameHints.time("received_at") == -2)
  }

  @Test func `shares are never rounded to all or none`() {
    #expect(Words.percent(1) == "100 %")
    #expect(Words.percent(0.9999) == "over 99.9 %")
    #expect(Words.percent(0.00001) == "under 0.1 %")
    #expect(Words.percent(0.123) == "12.3 %")
    #expect(Words.number(12.3456789) == "12.3457")
    #expect(Words.number(-0.5) == "-0.5")
    #expect(Words.number(1e300) == "1e+300")
    #expect(Words.clean("a\nb\u{2028}c", 3) == "a?b…")
  }

  @Test func `sets of values end at their bounds`() {
    var values = DistinctValues()
    var budget = 3
    for number in UInt64(0)..<10 { values.insert(number, budget: &budget) { "\(number)" } }
    #expect(values.count == 3 && values.isCapped && budget == 0)
    #expect(values.countText == "over 3")
    var relation = GroupRelation()
    budget = 1_000_000
    for index in 0..<20_000 {
      relation.insert(UInt64(index), in: index, budget: &budget)
      relation.step(to: 1, in: index, budget: &budget)
    }
    #expect(relation.groupCount == InferenceBounds.distinctCountMax && !relation.isOneToOne)
  }

  @Test func `types that contain themselves cost what is in the data`() throws {
    let catalogue = try TestSchema.catalogue([
      (
        "Loop",
        [
          TestSchema.Field("next", 1, .message, of: ".t.Loop"),
          TestSchema.Field("v", 2, .double), TestSchema.Field("id", 3, .string),
        ]
      )
    ])
    var message = Wire.double(2, 1.5) + Wire.text(3, "a")
    for _ in 0..<40 { message = Wire.bytes(1, message) + Wire.double(2, 2) + Wire.text(3, "b") }
    let records = Fleet.records { _, _, _ in message }
    let proposal = try SchemaInference.proposal(catalogue, records)
    #expect(proposal.notes.contains { $0.hasPrefix("not all places") })
    #expect(proposal.trial.readCount == 100)
  }

  @Test func `the cursor refuses what is no message`() {
    func fault(_ bytes: [UInt8]) -> WireFault? {
      var cursor = WireCursor(bytes, 0..<bytes.count)
      do {
        while try cursor.next() != nil {}
      } catch {
        return error
      }
      return nil
    }
    #expect(fault([]) == nil)
    #expect(fault(Wire.text(1, "a") + Wire.double(2, 1)) == nil)
    #expect(fault([0x0A, 5, 1]) == .truncated)
    #expect(fault([0x00]) == .malformed)
    #expect(fault([0x0E]) == .malformed)
    #expect(fault([0x0B, 0x10, 1, 0x0C]) == nil)
    #expect(fault([0x0B, 0x10, 1, 0x14]) == .malformed)
    #expect(fault(Array(repeating: 0x0B, count: 200)) == .tooDeep)
  }
}
