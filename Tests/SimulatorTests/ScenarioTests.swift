import Decode
import Pipeline
import Telemetry
import Testing

@testable import Simulator

/// What a seed decides, and that what it sends is what it says.
@Suite struct ScenarioTests {
  @Test func `seeds found before there were replays and floods have neither`() {
    for seed in Simulation.foundBeforeLetters {
      let plan = ScenarioPlan(seed: seed)
      #expect(!plan.replaysLetters && !plan.hasFloods && !plan.hasOwnSchema && plan.flood == nil)
      #expect(!plan.maintainsTables && MaintenancePlan(plan, startMillis: 0) == nil)
    }
    let plans = (1...70).map { ScenarioPlan(seed: $0 + 10_000) }
    #expect(plans.count { $0.replaysLetters } == 28)
    #expect(plans.count { $0.hasFloods } == 14)
    #expect(plans.count { $0.hasOwnSchema } == 10)
    #expect(plans.count { $0.maintainsTables } == 26)
    #expect(plans.contains { $0.hasOwnSchema && $0.hasEnvelopes && $0.replaysLetters })
  }

  /// Every script's promise against the decoder, under the configuration as it is first and as it
  /// is mended.
  @Test(arguments: [3, 5, 6, 13, 20] as [UInt64])
  func `records become the rows and letters that their script says`(seed: UInt64) throws {
    let plan = ScenarioPlan(seed: seed)
    let habits = FleetScript.Habits(
      sendsAgain: plan.leavesOutDuplicates, hasMendable: plan.replaysLetters,
      hasOwnSchema: plan.hasOwnSchema)
    for edition in [ConfigurationEdition.first, .mended] {
      let sources = try ScenarioSources.sources(of: plan, edition)
      for (shape, source) in zip([FleetScript.Shape.wide, .narrow], sources) {
        var script = FleetScript(shape, partition: 0, seed: seed, habits)
        var decoder = RecordDecoder(source.plan)
        var vocabulary = Vocabulary(attributeCount: source.plan.schema.attributes.count)
        var dead = 0
        for number in 0..<600 {
          let record = number % 3 == 2 ? script.nextOfFlood() : script.next()
          var batch = ReadingBatch(schema: source.plan.schema)
          var faults: [RowFault] = []
          let key = record.key ?? []
          let payload = record.payload ?? []
          let outcome = unsafe decoder.decode(
            header: RecordHeader(
              kind: .record, partitionIndex: 0, offset: 0,
              timestampMicros: record.timestampMicros, hasAppendTime: false),
            key: record.key == nil ? nil : key.span.bytes,
            payload: record.payload == nil ? nil : payload.span.bytes, into: &batch,
            vocabulary: &vocabulary, faults: &faults)
          switch outcome {
          case .read(let rows):
            let due =
              edition == .first
              ? record.rowCount : record.mendedRowCount ?? record.rowCount + record.deadRows.count
            #expect(rows == due, "record \(number)")
          case .empty:
            #expect((edition == .mended ? record.mendedRowCount : nil) ?? record.rowCount == 0)
          case .dead:
            dead += 1
            #expect(record.isDead && (edition == .first || record.mendedRowCount == nil))
          }
          #expect(faults.map { Int($0.rowIndex) } == (edition == .first ? record.deadRows : []))
        }
        #expect(dead > 100)
      }
    }
  }
}
