import Base
import Testing

@testable import Decode

@Suite struct TelemetryEncoderTests {
  @Test func `a snapshot's bytes are the ones other encoders write`() {
    var writer = ByteWriter()
    TelemetryEncoder.append(
      DeviceTelemetryMessage(
        deviceID: "sat-1", timeUnixMillis: 1_790_000_000_123, region: "eu", firmware: "2.1",
        sequence: 300, metrics: [28.5, nil, -0.0]), to: &writer)
    // protoc --encode of the same message.
    let golden =
      "0a057361742d31" + "117b6c50c4a0010000" + "1a026575" + "2203322e31" + "28ac02"
      + "310000000000803c40" + "410000000000000080"
    #expect(hex(writer.bytes) == golden)
  }

  @Test func `a batch's samples carry their own lengths`() {
    var writer = ByteWriter()
    let longName = String(repeating: "m", count: 130)
    TelemetryEncoder.append(
      TelemetryBatchMessage(
        deviceID: "i", model: "m2", sequence: 1,
        samples: [
          .init(timeUnixMicros: 1, metric: "a", value: 1), .init(),
          .init(metric: longName),
        ]), to: &writer)
    let golden =
      "0a0169" + "22026d32" + "2801" + "3215" + "090100000000000000" + "120161"
      + "19000000000000f03f" + "3200" + "328501" + "128201" + hex(longName.utf8)
    #expect(hex(writer.bytes) == golden)
  }

  @Test func `what is encoded decodes to the same values`() throws {
    var fixture = try Fixture(Fixture.snapshots)
    var writer = ByteWriter()
    TelemetryEncoder.append(DeviceTelemetryMessage(), to: &writer)
    #expect(writer.bytes.isEmpty)
    let metrics: [Double?] = [1, 2, nil, 4, 5, 6, 7, 8, 9, .infinity]
    TelemetryEncoder.append(
      DeviceTelemetryMessage(deviceID: "a", timeUnixMillis: 1 << 40, metrics: metrics),
      to: &writer)
    #expect(fixture.decode(writer.bytes) == .read(rows: 1))
    for (index, value) in metrics.enumerated() {
      #expect(fixture.double(row: 0, metric: index) == value)
    }
  }
}
