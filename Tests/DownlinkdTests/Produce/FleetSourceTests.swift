import Base
import Decode
import Glibc
import Telemetry
import Testing

@testable import downlinkd

@Suite struct FleetSourceTests {
  private static let start: Int64 = 1_767_225_600_000_000

  private func options(
    _ deviceCount: Int, seconds: Int64, _ change: (inout FleetOptions) -> Void = { _ in }
  ) -> FleetOptions {
    var options = FleetOptions(deviceCount: deviceCount, startMicros: Self.start)
    options.lengthMicros = seconds * 1_000_000
    change(&options)
    return options
  }

  private func made(_ options: FleetOptions) throws -> [OutgoingRecord] {
    var source = FleetSource(options)
    return try records(of: &source)
  }

  @Test func `every satellite reports once a period with its own running number`() throws {
    var reader = try Reader(Reader.wide)
    let made = try made(options(10, seconds: 3) { $0.periodMicros = 500_000 })
    #expect(made.count == 60)
    for (index, outgoing) in made.enumerated() {
      let record = reader.read(outgoing)
      #expect(record.outcome == .read && record.rows.count == 1)
      #expect(record.device == "sat-0000\(index % 10)")
      #expect(outgoing.key == Array(record.device.utf8) && outgoing.deviceIndex == index % 10)
      #expect(record.sequence == Int64(index / 10))
      #expect(record.rows[0].micros == Self.start + Int64(index) * 50_000)
      #expect(record.rows[0].micros == outgoing.eventMicros)
      #expect(record.attributes.allSatisfy { $0?.isEmpty == false })
    }
  }

  @Test func `the bytes are those of the shared encoder`() throws {
    var reader = try Reader(Reader.wide)
    // Running numbers of one, two and three bytes.
    for outgoing in try made(options(2, seconds: 20_000)) {
      let record = reader.read(outgoing)
      var writer = ByteWriter()
      TelemetryEncoder.append(
        DeviceTelemetryMessage(
          deviceID: record.device, timeUnixMillis: UInt64(record.rows[0].micros / 1000),
          region: record.attributes[0], firmware: record.attributes[1],
          sequence: UInt64(record.sequence), metrics: record.rows[0].values), to: &writer)
      if writer.bytes != outgoing.payload {
        Issue.record("\(record.device) \(record.sequence) differs")
        return
      }
    }
  }

  @Test func `the same seed makes the same bytes, another one others`() throws {
    let harsh = options(50, seconds: 60) {
      $0.seed = 77
      $0.badShare = 0.1
      $0.lateShare = 0.1
      $0.lateByMicros = 10_000_000
    }
    var other = harsh
    other.seed = 78
    let first = try made(harsh)
    #expect(first.map(\.payload) == (try made(harsh)).map(\.payload))
    #expect(first.map(\.payload) != (try made(other)).map(\.payload))
    // A golden hash: the records are the same on every machine and in every version.
    let plain = try made(options(3, seconds: 100))
    #expect(XXHash64.hash(plain.flatMap(\.payload)) == 9_420_338_665_805_792_329)
  }

  @Test func `values stay where satellites have them, and are rounded as sensors do`() throws {
    var reader = try Reader(Reader.wide)
    let bounds: [ClosedRange<Double>] = [
      24...31, -25...45, 5...35, 5...100, 0...1400, 300...560, 25...60, 4...19, 2100...2700,
      0...360,
    ]
    let decimals: [Double] = [1000, 1000, 100, 100, 100, 100, 100, 100, 10, 100]
    var lowest = [Double](repeating: .infinity, count: 10)
    var highest = [Double](repeating: -.infinity, count: 10)
    // Two orbits of 90 minutes.
    for outgoing in try made(options(3, seconds: 10_800)) {
      for (index, value) in reader.read(outgoing).rows[0].values.enumerated() {
        guard let value, bounds[index].contains(value) else {
          Issue.record("\(DeviceTelemetryMessage.metricNames[index]) is \(value ?? .nan)")
          return
        }
        let steps = value * decimals[index]
        if steps.rounded() / decimals[index] != value { Issue.record("\(value) is not rounded") }
        lowest[index] = min(lowest[index], value)
        highest[index] = max(highest[index], value)
      }
    }
    // Night and day: no sun on the panels, and plenty.
    #expect(lowest[4] == 0 && highest[4] > 1000)
    #expect(lowest[9] < 1 && highest[9] > 359)
    for index in lowest.indices { #expect(highest[index] - lowest[index] > 1) }
  }

  @Test func `bad records are dead to the decoder, and only they`() throws {
    var source = FleetSource(options(100, seconds: 100) { $0.badShare = 0.05 })
    var reader = try Reader(Reader.wide)
    var deadCount = 0
    for outgoing in try records(of: &source) where reader.read(outgoing).outcome == .dead {
      deadCount += 1
      #expect(outgoing.key.count == 9)
    }
    #expect(deadCount == source.badCount)
    #expect((350...650).contains(deadCount), "5 % of 10,000")
  }

  @Test func `a late record comes after its turn by the time asked for, and none is lost`() throws {
    let late = options(20, seconds: 60) {
      $0.lateShare = 0.1
      $0.lateByMicros = 7_000_000
    }
    var source = FleetSource(late)
    let found = try records(of: &source)
    let punctual = try made(options(20, seconds: 60))
    // The same records, in another order.
    #expect(
      Set(found.map(\.payload)) == Set(punctual.map(\.payload)) && found.count == punctual.count)
    var newest = Int64.min
    var lateCount = 0
    for record in found {
      if record.eventMicros < newest {
        lateCount += 1
        let isAtEnd = newest >= (punctual.last?.eventMicros ?? 0) - 1_000_000
        // It comes before the turn that is 7 s after its own. Turns are 50 ms apart, and a few of
        // those before may be late themselves. At the end all that is held comes at once.
        #expect(newest - record.eventMicros >= 7_000_000 - 5 * 50_000 || isAtEnd)
      }
      newest = max(newest, record.eventMicros)
    }
    #expect(lateCount > 60 && lateCount <= source.lateCount)
  }

  @Test func `a large fleet keeps names of one length`() throws {
    var source = FleetSource(options(100_001, seconds: 1))
    let first = try records(of: &source, countMax: 1)
    #expect(first[0].key == Array("sat-000000".utf8))
    #expect(source.plannedCount == 100_001)
  }
}
