import Base
import Telemetry
import Testing

@testable import downlinkd

@Suite struct DemoFleetTests {
  @Test func `the same plan gives the same records`() {
    let plan = DemoFixture.plan(devices: 20)
    #expect(DemoFixture.records(plan).records == DemoFixture.records(plan).records)
  }

  @Test func `records are sent in order, none before it is measured`() {
    let records = DemoFixture.records(DemoFixture.plan()).records
    #expect(zip(records, records.dropFirst()).allSatisfy { $0.sentMicros <= $1.sentMicros })
    #expect(records.allSatisfy { $0.measuredMicros <= $0.sentMicros })
  }

  @Test func `a satellite's readings come in order but for late ones, and those come soon`() {
    let plan = DemoFixture.plan()
    let (fleet, records) = DemoFixture.records(plan)
    var newest = [Int64](repeating: 0, count: plan.deviceCount)
    var behindCount = 0
    for record in records {
      let behind = newest[record.device] - record.measuredMicros
      if behind > 0 {
        behindCount += 1
        #expect(!fleet.roles.isHeardInPasses(record.device))
        #expect(behind <= 5 * DemoPlan.minute)
      }
      newest[record.device] = max(newest[record.device], record.measuredMicros)
    }
    #expect(behindCount > 0 && behindCount <= fleet.lateCount)
    let share = Double(fleet.lateCount) / Double(records.count)
    #expect((0.005...0.02).contains(share), "\(share)")
  }

  @Test func `nothing is lost but what a silent satellite measures`() {
    let plan = DemoFixture.plan()
    let (fleet, records) = DemoFixture.records(plan)
    let turnCount = plan.deviceCount * Int(plan.lengthMicros / DemoPlan.periodMicros)
    let silentCount = fleet.faults.count { $0.kind == .silence } * 240
    let missing = turnCount - records.count - fleet.storedCount - silentCount
    // Late ones may be on their way when the time is over.
    #expect((0...10).contains(missing), "\(missing)")
    #expect(Set(records.map { "\($0.device) \($0.measuredMicros)" }).count == records.count)
  }

  @Test func `satellites heard in passes are heard once an orbit, and dump`() throws {
    let plan = DemoFixture.plan()
    let (fleet, records) = DemoFixture.records(plan)
    let device = try #require(fleet.roles.passingDevices.first)
    let sent = records.filter { $0.device == device }
    let pauses = zip(sent, sent.dropFirst()).map { $1.sentMicros - $0.sentMicros }
    let longPauses = pauses.filter { $0 > 30 * DemoPlan.minute }
    #expect((6...8).contains(longPauses.count), "\(longPauses.count) passes")
    #expect(longPauses.allSatisfy { $0 < DemoPlan.silenceAfterMicros })
    let waits = sent.map { $0.sentMicros - $0.measuredMicros }
    #expect(waits.max() ?? 0 > 60 * DemoPlan.minute)
    #expect(sent.count { $0.sentMicros == sent[sent.count / 2].sentMicros } > 1)
  }

  @Test func `a satellite that is always heard is heard every minute, or a fault says why`() {
    let plan = DemoFixture.plan()
    let (fleet, records) = DemoFixture.records(plan)
    let silent = Set(fleet.faults.filter { $0.kind == .silence }.map(\.device))
    for device in fleet.roles.steadyDevices {
      let times = records.filter { $0.device == device }.map(\.sentMicros)
      let longest = zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? 0
      if silent.contains(device) {
        #expect(longest > 4 * DemoPlan.hour && longest < 4 * DemoPlan.hour + 10 * DemoPlan.minute)
      } else {
        #expect(longest < 10 * DemoPlan.minute)
      }
    }
  }

  @Test func `bad records are dead letters, others are read with what was measured`() throws {
    let plan = DemoFixture.plan(devices: 200)
    let (fleet, records) = DemoFixture.records(plan)
    var reader = try Reader(Reader.wide)
    let faulty = Set(fleet.faults.map(\.device))
    var deadCount = 0
    for record in records.prefix(60_000) {
      var outgoing = OutgoingRecord()
      outgoing.isTombstone = record.payload == nil
      outgoing.payload = record.payload ?? []
      let read = reader.read(outgoing)
      #expect((read.outcome == .dead) == record.isBad)
      if record.isBad {
        deadCount += 1
        #expect(!faulty.contains(record.device))
      } else {
        #expect(read.device == DemoNames.device(record.device))
        #expect(read.rows.map(\.micros) == [record.measuredMicros])
        #expect(read.rows[0].values.allSatisfy { $0 != nil })
      }
    }
    #expect((20...150).contains(deadCount), "\(deadCount)")
    #expect(fleet.badCount >= deadCount)
  }

  @Test func `values stay within what the limits allow, faults apart`() throws {
    let plan = DemoFixture.plan(devices: 50)
    var model = DemoModel(deviceCount: 50, seed: 3)
    let temperature = DemoNames.metricIndex("battery_temperature_c")
    let charge = DemoNames.metricIndex("state_of_charge_pct")
    var highest = 0.0
    var lowest = 100.0
    for minute in 0..<600 as Range<Int64> {
      for device in 0..<50 {
        let micros = plan.startMicros + minute * DemoPlan.minute
        let values = model.values(device: device, micros: micros)
        highest = max(highest, values[temperature])
        lowest = min(lowest, values[temperature])
        #expect((50...100).contains(values[charge]))
      }
    }
    // Day and night are both there, and far from the limit of 40 °C.
    #expect(highest > 22 && highest < 30 && lowest < 14, "\(lowest) to \(highest)")
  }
}
