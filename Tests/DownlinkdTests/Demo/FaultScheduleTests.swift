import Base
import Decode
import Testing

@testable import downlinkd

@Suite struct FaultScheduleTests {
  private func faults(devices: Int, seed: UInt64) -> (plan: DemoPlan, faults: [InjectedFault]) {
    let plan = DemoFixture.plan(devices: devices, seed: seed)
    let roles = FleetRoles(deviceCount: devices, seed: seed)
    return (plan, FaultSchedule.draw(plan, roles))
  }

  @Test(arguments: [(10, 1), (99, 1), (100, 2), (5000, 2)])
  func `every kind is there, each on a satellite of its own`(devices: Int, perKind: Int) {
    for seed in 1...20 as ClosedRange<UInt64> {
      let (_, faults) = faults(devices: devices, seed: seed)
      for kind in InjectedFault.Kind.allCases {
        #expect(faults.count { $0.kind == kind } == perKind, "\(kind), seed \(seed)")
      }
      #expect(Set(faults.map(\.device)).count == faults.count, "seed \(seed)")
      #expect(faults.allSatisfy { (0..<devices).contains($0.device) }, "seed \(seed)")
    }
  }

  @Test func `faults begin after the warm-up and early enough to be found`() {
    for seed in 1...50 as ClosedRange<UInt64> {
      let (plan, faults) = faults(devices: 200, seed: seed)
      for fault in faults {
        #expect(fault.startMicros > plan.startMicros + DemoPlan.warmUpMicros, "seed \(seed)")
        #expect(fault.dueMicros < plan.endMicros, "\(fault), seed \(seed)")
        #expect(fault.startMicros % 1000 == 0)
      }
      #expect(faults.map(\.startMicros) == faults.map(\.startMicros).sorted())
    }
  }

  @Test func `faults that are heard in passes fall on satellites heard in passes`() {
    for seed in 1...20 as ClosedRange<UInt64> {
      let roles = FleetRoles(deviceCount: 200, seed: seed)
      for fault in faults(devices: 200, seed: seed).faults {
        #expect(fault.isHeardInPasses == roles.isHeardInPasses(fault.device), "seed \(seed)")
        if fault.kind == .silence { #expect(!fault.isHeardInPasses, "seed \(seed)") }
      }
    }
  }

  @Test func `the seed decides`() {
    let one = faults(devices: 200, seed: 5).faults
    #expect(one == faults(devices: 200, seed: 5).faults)
    #expect(one != faults(devices: 200, seed: 6).faults)
  }
}

@Suite struct InjectedFaultTests {
  private func fault(_ kind: InjectedFault.Kind) -> InjectedFault {
    InjectedFault(
      kind: kind, device: 3, startMicros: DemoFixture.midnight, isHeardInPasses: false)
  }

  /// How a metric is changed so many minutes after the fault began.
  private func change(_ kind: InjectedFault.Kind, _ minutes: Int64) -> [Double] {
    var values = [Double](repeating: 0, count: 10)
    fault(kind).apply(to: &values, at: DemoFixture.midnight + minutes * DemoPlan.minute)
    return values
  }

  @Test func `nothing happens before its time`() {
    for kind in InjectedFault.Kind.allCases {
      #expect(change(kind, -1).allSatisfy { $0 == 0 }, "\(kind)")
    }
  }

  @Test func `only its own metric changes`() {
    for kind in InjectedFault.Kind.allCases {
      let (early, later) = (change(kind, 0), change(kind, 30))
      let changed = early.indices.filter { early[$0] != 0 || later[$0] != 0 }
      #expect(changed == kind.metric.map { [DemoNames.metricIndex($0)] } ?? [], "\(kind)")
    }
  }

  @Test func `an overheating battery passes both limits and cools down`() {
    let index = DemoNames.metricIndex("battery_temperature_c")
    #expect(change(.overheating, 20)[index] == 25)
    #expect(change(.overheating, 60)[index] == 50)
    #expect(change(.overheating, 100)[index] == 30)
    #expect(change(.overheating, 115)[index] == 0)
  }

  @Test func `a spike is one reading, a step and a drift stay`() {
    let wheel = DemoNames.metricIndex("wheel_speed_rpm")
    #expect(change(.spike, 0)[wheel] == 1200 && change(.spike, 1)[wheel] == 0)
    let voltage = DemoNames.metricIndex("battery_voltage_v")
    #expect(change(.step, 0)[voltage] == -2.4 && change(.step, 600)[voltage] == -2.4)
    let power = DemoNames.metricIndex("bus_power_w")
    #expect(change(.drift, 20)[power] == 60 && change(.drift, 600)[power] == 120)
  }

  @Test func `a silence lasts four hours`() {
    let silence = fault(.silence)
    let hours = { (hours: Int64) in DemoFixture.midnight + hours * DemoPlan.hour }
    #expect(!silence.silences(hours(0) - 1) && silence.silences(hours(0)))
    #expect(silence.silences(hours(4) - 1) && !silence.silences(hours(4)))
    #expect(!fault(.step).silences(hours(1)))
  }

  @Test func `it is written down for others`() {
    let json = fault(.overheating).json
    #expect(json["device"]?.stringValue == "sat-00003")
    #expect(json["kind"]?.stringValue == "overheating")
    #expect(json["metric"]?.stringValue == "battery_temperature_c")
    #expect(json["start"]?.stringValue == "2026-11-21T00:00:00.000000Z")
    #expect(fault(.silence).json["metric"]?.isNull == true)
  }
}
