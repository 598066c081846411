import Base

@testable import downlinkd

/// Sizes at which everything of a demonstration happens, at times that are easy to read.
enum DemoFixture {
  /// 2026-11-21T00:00:00Z, a multiple of the orbit.
  static let midnight: Int64 = 1_795_219_200_000_000

  static func plan(devices: Int = 120, seed: UInt64 = 7, seconds: Int = 60) -> DemoPlan {
    DemoPlan(
      deviceCount: devices, seed: seed, seconds: seconds, kills: false,
      nowMicros: midnight + 12 * DemoPlan.hour)
  }

  static func step(
    _ fault: InjectedFault, _ state: AnomalyStep.State = .opened, after micros: Int64 = 0,
    severity: String = "warning", detector: String? = nil
  ) -> AnomalyStep {
    AnomalyStep(
      id: "\(fault.device)", device: DemoNames.device(fault.device), metric: fault.kind.metric,
      detector: detector ?? fault.kind.detector, severity: severity, state: state,
      eventMicros: fault.startMicros + micros)
  }

  /// Every record of a plan, in the order in which it is sent.
  static func records(_ plan: DemoPlan) -> (fleet: DemoFleet, records: [DemoFleet.Record]) {
    var fleet = DemoFleet(plan)
    var records: [DemoFleet.Record] = []
    while let record = fleet.next(untilMicros: plan.endMicros) { records.append(record) }
    return (fleet, records)
  }
}
