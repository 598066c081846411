import Base
import Decode

/// One demonstration, worked out from what the command line says: its sizes, its spans and how
/// fast its time goes.
///
/// Event time runs many times as fast as the clock, so that a minute shows half a day of orbits.
/// It begins in the past and has come to the present when the fleet stops sending.
struct DemoPlan: Equatable, Sendable {
  static let topic = "telemetry"
  static let source = "satellites"
  /// The broker keeps 5 MiB of each, at 120 bytes a record: two minutes of the default fleet.
  static let partitionCount = 8
  /// Every satellite measures once in so much event time.
  static let periodMicros = minute
  static let orbitMicros = 90 * minute
  /// Faults begin after it: the detectors know by then what is usual.
  static let warmUpMicros = 3 * hour
  /// A satellite counts as silent after it; longer than the pause between two passes.
  static let silenceAfterMicros = 150 * minute
  /// How far the readings of one satellite come out of order.
  static let outOfOrdernessMicros = 3 * minute

  static let minute: Int64 = 60_000_000
  static let hour = 60 * minute

  /// Event time shown at least: eight orbits, and time for every fault to be found.
  private static let lengthMicrosMin = 12 * hour
  /// Event time for one second of the clock, where that makes `lengthMicrosMin` or more.
  private static let microsPerSecond = 12 * minute
  /// Records a second at most. At this rate the broker still keeps half a minute, more than the
  /// pipeline needs to come back after a kill.
  static let recordRateMax = 10_000.0
  static let deviceCountDefault = 200

  let deviceCount: Int
  let seed: UInt64
  /// Wall time for which the fleet sends.
  let seconds: Int
  /// Whether the pipeline is killed halfway, on purpose.
  let kills: Bool
  /// Event time of the first reading: a multiple of the orbit, so that the same seed gives the
  /// same values, whenever it is run.
  let startMicros: Int64
  let lengthMicros: Int64

  /// `nowMicros` is the time of day, to begin so long before it.
  init(deviceCount: Int, seed: UInt64, seconds: Int, kills: Bool, nowMicros: Int64) {
    precondition(deviceCount > 0 && seconds > 0, "a demonstration has devices and takes time")
    self.deviceCount = deviceCount
    self.seed = seed
    self.seconds = seconds
    self.kills = kills
    lengthMicros = Self.lengthMicros(seconds: seconds)
    startMicros = Timestamp.floor(nowMicros - lengthMicros, toMultipleOf: Self.orbitMicros)
  }

  /// How many satellites stay below `recordRateMax`.
  static func deviceCountMax(seconds: Int) -> Int {
    let turnCount = Double(lengthMicros(seconds: seconds) / periodMicros)
    return Int(recordRateMax * Double(seconds) / turnCount)
  }

  private static func lengthMicros(seconds: Int) -> Int64 {
    max(lengthMicrosMin, Int64(seconds) * microsPerSecond)
  }

  var endMicros: Int64 { startMicros + lengthMicros }
  var sendingNanos: Int64 { Int64(seconds) * 1_000_000_000 }
  /// Event time that passes in one unit of wall time.
  var speedUp: Double { Double(lengthMicros) / 1e6 / Double(seconds) }
  var recordRate: Double { Double(deviceCount) * speedUp * 1e6 / Double(Self.periodMicros) }

  /// The event time reached so long after the fleet began.
  func eventMicros(elapsedNanos: Int64) -> Int64 {
    startMicros + min(lengthMicros, Int64(Double(elapsedNanos) / 1000 * speedUp))
  }
}

/// Names and numbers of the fleet's satellites and metrics.
enum DemoNames {
  /// `sat-00017`
  static func device(_ index: Int) -> String {
    let digits = String(index)
    return "sat-" + String(repeating: "0", count: max(0, 5 - digits.utf8.count)) + digits
  }

  /// Place of a metric among a message's values.
  static func metricIndex(_ name: String) -> Int {
    guard let index = DeviceTelemetryMessage.metricNames.firstIndex(of: name) else {
      preconditionFailure("a DeviceTelemetry has no metric \(name)")
    }
    return index
  }
}
