@testable import Config
import TestSupport
import Testing

/// What a file without faults becomes.
@Suite struct ConfigurationTests {
  @Test func `a minimal file has every default`() throws {
    let configuration = try read(minimal)
    #expect(configuration.pipeline == "fleet")
    #expect(configuration.lanes == .auto)
    #expect(configuration.kafka.brokers == ["b:9092"])
    #expect(configuration.kafka.group == "downlink-fleet")
    #expect(configuration.kafka.start == .earliest)
    #expect(configuration.kafka.onPositionLost == .stop)
    #expect(configuration.kafka.properties.isEmpty)
    let source = try #require(configuration.sources.first)
    #expect(source.metrics == .all)
    #expect(source.sequence == nil && source.rows == nil && source.descriptorSet == nil)
    #expect(source.time.unit == .millis)
    #expect(source.eventTime == configuration.eventTime)
    #expect(source.eventTime.outOfOrdernessMicros == 5_000_000)
    #expect(source.eventTime.allowedLatenessMicros == 60_000_000)
    #expect(source.eventTime.maxFutureSkewMicros == 300_000_000)
    #expect(source.eventTime.plausibleFromMicros == 946_684_800_000_000)
    #expect(source.eventTime.deviceIdleMicros == 3_600_000_000)
    #expect(configuration.windows.isEmpty && configuration.detectors.isEmpty)
    #expect(configuration.storage.root == "/srv/downlink")
    #expect(configuration.storage.commit.intervalMicros == 60_000_000)
    #expect(configuration.storage.commit.byteCount == 24_000_000)
    #expect(configuration.storage.stateIntervalMicros == 60_000_000)
    #expect(configuration.storage.parquet.compression == .zstd)
    #expect(configuration.storage.parquet.level == 1)
    #expect(configuration.storage.parquet.rowGroupRowCount == 122_880)
    #expect(configuration.memory.bufferByteCountMax == 128_000_000)
    #expect(configuration.http.listen == Endpoint(host: "127.0.0.1", port: 9479))
    #expect(configuration.admin.socket == .auto && configuration.admin.mode == 0o660)
    #expect(configuration.log.level == .info && configuration.log.format == .auto)
  }

  @Test func `every key is read`() throws {
    let configuration = try read(complete, environment: ["PORT": "9480", "READINGS": "5"])
    #expect(configuration.lanes == .count(4))
    #expect(configuration.kafka.brokers == ["a:9092", "b", "[::1]:9093"])
    #expect(configuration.kafka.start == .latest)
    #expect(configuration.kafka.onPositionLost == .skipAndRecord)
    #expect(configuration.kafka.properties.map(\.value) == ["true", "0x10"])
    let wide = configuration.sources[0]
    #expect(wide.device == .recordKey)
    #expect(
      wide.metrics
        == .fields([
          Configuration.MetricField(field: "a.b", key: nil, name: "a_b", unit: nil),
          Configuration.MetricField(field: "c", key: nil, name: "power_w", unit: "W"),
        ]))
    #expect(wide.eventTime.deviceIdleMicros == 7_200_000_000)
    #expect(wide.eventTime.partitionIdleMicros == 7_200_000_000, "as devices")
    #expect(wide.eventTime.outOfOrdernessMicros == 60_000_000)
    let narrow = configuration.sources[1]
    #expect(narrow.rows == "samples" && narrow.time.unit == nil)
    #expect(narrow.metrics == .narrow(name: "samples.metric", value: "samples.value"))
    #expect(narrow.message == "fleet.telemetry.v1.TelemetryBatch")
    let window = configuration.windows[0]
    #expect(window.sizeMicros == 5_400_000_000 && window.slideMicros == 1_800_000_000)
    #expect(window.aggregates == [.count, .mean])
    #expect(window.covers(source: "wide", metric: "power_w"))
    #expect(!window.covers(source: "narrow", metric: "power_w"))
    #expect(configuration.windows[1].slideMicros == configuration.windows[1].sizeMicros)
    #expect(
      configuration.detectors.map(\.rule) == [
        .limits(
          Configuration.Limits(
            warning: Configuration.Limits.Bounds(low: -5, high: 45),
            critical: Configuration.Limits.Bounds(low: nil, high: 60.5), clearMargin: 2,
            persistence: .readings(5))),
        .limits(
          Configuration.Limits(
            warning: nil, critical: Configuration.Limits.Bounds(low: 1, high: nil),
            clearMargin: 0, persistence: .duration(micros: 30_000_000))),
        .statistical(
          Configuration.Statistical(
            kind: .shift, everyMicros: 300_000_000, halfLifeMicros: 604_800_000_000,
            fastHalfLifeMicros: 3_600_000_000, warmUpMicros: 86_400_000_000,
            refractoryMicros: 0, falseAlarmEveryMicros: 7_776_000_000_000, changeMin: 0.5)),
        .statistical(bare(.spike)), .statistical(bare(.jump)),
        .silence(afterMicros: 900_000_000),
      ])
    #expect(configuration.detectors.map(\.openCountMax) == [1000, 50, 1000, 1000, 1000, 1000])
    #expect(configuration.storage.root == "/etc/downlink/data")
    #expect(configuration.storage.parquet.level == nil)
    #expect(configuration.http.listen == Endpoint(host: "::1", port: 9480))
    #expect(configuration.admin.socket == .path("/etc/downlink/run/fleet.sock"))
    #expect(configuration.admin.mode == 0o600 && configuration.admin.modeText == "0600")
    #expect(configuration.log.format == .json)
  }

  @Test func `what is let in is what the file says, and the usual else`() throws {
    let configuration = try read(complete, environment: ["PORT": "9480", "READINGS": "5"])
    #expect(configuration.sources[0].deduplication == nil)
    #expect(configuration.sources[0].limits == .standard)
    #expect(
      configuration.sources[1].deduplication
        == Configuration.Deduplication(
          by: .sequence, withinMicros: 21_600_000_000, recordCountMax: 5000))
    #expect(
      configuration.sources[1].limits
        == Configuration.RecordLimits(
          messageByteCountMax: 2_000_000, depthMax: 8, rowCountMax: 1_000_000,
          deviceCountMax: 1_000_000, metricCountMax: 10_000, attributeWordCountMax: 100_000))
  }

  private func bare(_ kind: Configuration.Statistical.Kind) -> Configuration.Statistical {
    Configuration.Statistical(
      kind: kind, everyMicros: 60_000_000, halfLifeMicros: nil, fastHalfLifeMicros: nil,
      warmUpMicros: nil, refractoryMicros: nil, falseAlarmEveryMicros: nil, changeMin: 0)
  }

  @Test func `no HTTP at all is one word`() throws {
    #expect(try read(minimal + "http: {listen: none}\n").http.listen == nil)
    #expect(try read(minimal + "http: {listen: 'none:1'}\n").http.listen?.host == "none")
  }

  @Test(arguments: [
    ("127.0.0.1", true), ("127.8.0.1", true), ("::1", true), ("localhost", true),
    ("0.0.0.0", false), ("::", false), ("10.0.0.1", false), ("127.0.0.1.example.net", false),
    ("127.0.0", false), ("telemetry", false),
  ])
  func `loopback is what only this machine reaches`(host: String, isLoopback: Bool) {
    #expect(Endpoint(host: host, port: 1).isLoopback == isLoopback)
  }

  @Test func `the effective text reads back as the same configuration`() throws {
    for text in [minimal, complete] {
      let first = try read(text, environment: ["PORT": "9480", "READINGS": "5"])
      let second = try read(first.effective, file: "/elsewhere/x.yaml")
      #expect(second.effective == first.effective)
      #expect(second.fingerprint == first.fingerprint)
    }
  }

  @Test func `the shipped example has no faults, with and without its comments`() throws {
    let path = Repository.path("config/downlinkd.yaml")
    let configuration = try Configuration.load(file: path, environment: [:])
    #expect(configuration.kafka.brokers == ["127.0.0.1:9092"])
    #expect(configuration.storage.root == Repository.path("config/data"))
    let shipped = try #require(fileText(path))
    let lines = shipped.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.allSatisfy { $0.count <= 100 })
    var isItem = false
    let uncommented = lines.map { line in
      if line.first?.isLetter == true { isItem = line == "sources:" || line == "detectors:" }
      let isKey = line.hasPrefix("  # - ") || line.hasPrefix("  #   ")
      return isItem && isKey ? "  " + line.dropFirst(4) : String(line)
    }
    let whole = try read(uncommented.joined(separator: "\n"))
    #expect(whole.sources.map(\.name) == ["snapshots", "samples"])
    #expect(whole.detectors.count == configuration.detectors.count + 1)
  }

  /// The contract that every release understands, word for word but for its comments.
  @Test func `the contract's file has no faults`() throws {
    let configuration = try read(contract)
    #expect(configuration.sources.map(\.name) == ["snapshots", "samples"])
    #expect(configuration.windows.map(\.name) == ["5m"])
    #expect(configuration.detectors.count == 3)
    #expect(configuration.storage.root == "/etc/downlink/data")
  }

  @Test func `later faults have the loader's form and place`() throws {
    let configuration = try read(complete, environment: ["PORT": "1", "READINGS": "2"])
    let fault = configuration.fault(
      at: "sources[0].metrics[1].field", "the message has no field `c`",
      suggestion: Configuration.suggestion(for: "c", among: ["cc"]))
    #expect(fault.position == ConfigPosition(line: 15, column: 28))
    #expect(fault.suggestion == "did you mean `cc`?")
    #expect(fault.excerpt?.contains("power_w") == true)
    // What the file does not say lies where its nearest part does.
    #expect(configuration.position(of: "sources[1].sequence.x").line == 24)
    #expect(configuration.position(of: "sources[1].nowhere").line == 18)
    #expect(configuration.position(of: "nowhere") == ConfigPosition(line: 1, column: 1))
    #expect(configuration.position(of: "kafka.properties.enable.x").line == 8)
  }

  @Test func `faults are shown as compilers do`() {
    let text = minimal.replacing("pipeline: fleet", with: "pipelin: fleet")
      .replacing("unit: ms", with: "unit: mss")
    #expect(
      ConfigFaults(faults(of: text)).description == """
        /etc/downlink/downlinkd.yaml:1:1: error: pipelin: unknown key; expected one of pipeline, \
        lanes, kafka, schema_registry, sources, event_time, windows, detectors, storage, tables, \
        maintenance, memory, http, admin, alerts, log
            1 | pipelin: fleet
              | ^
              = did you mean `pipeline`?
        /etc/downlink/downlinkd.yaml:8:39: error: sources[0].time.unit: `mss` is not known here; \
        expected one of s, ms, us, ns
            8 |     time: {field: time_unix_ms, unit: mss}
              |                                       ^
              = did you mean `ms`?
        2 faults
        """)
  }
}

/// A file that says something about every key.
let complete = """
  pipeline: fleet-2
  lanes: 4
  kafka:
    brokers: "a:9092, b,[::1]:9093"
    group: readers
    start: latest
    on_position_lost: skip_and_record
    properties: {enable.x: true, y: 0x10}
  sources:
    - name: wide
      topics: [w1, w2]
      message: my.Type
      device: $key
      time: {field: t.t, unit: ns}
      metrics: [a.b, {field: c, name: power_w, unit: W}]
      attributes: [region, meta.model]
      event_time: {device_idle: 2h}
    - name: narrow
      topics: [n]
      message: .fleet.telemetry.v1.TelemetryBatch
      rows: samples
      device: device_id
      time: {field: samples.time}
      sequence: sequence
      metric: {name: samples.metric, value: samples.value}
      deduplicate: {by: sequence, within: 6h, records: 5_000}
      limits: {message: 2MB, depth: 8}
  event_time:
    out_of_orderness: 1m
    allowed_lateness: 0
    max_future_skew: 1.5h
    plausible_from: 2010-06-01
    device_idle: 2d
  windows:
    - {name: 1h30m, size: 1h30m, slide: 30m, aggregates: [mean, count], sources: ["w*"]}
    - {name: day, size: 1d, metrics: ["a_?", power_w]}
  detectors:
    - name: temp
      source: narrow
      metric: "*_temperature_c"
      limits:
        warning: {outside: [-5, 45]}
        critical: {above: 60.5}
        clear_margin: 2
        readings: ${READINGS}
    - {name: low, metric: power_w, limits: {critical: {below: 1}, for: 30s}, open_max: 50}
    - name: shift
      metric: "*"
      shift:
        every: 5m
        half_life: 7d
        fast_half_life: 1h
        warm_up: 1d
        refractory: 0
        false_alarm_every: 90d
        min_change: 0.5
    - {name: spike, metric: "*", spike: {}}
    - {name: jump, metric: power_w, jump: }
    - {name: silent, silence: {after: 15m}}
  storage:
    root: ./data
    commit: {interval: 10s, bytes: 8MiB}
    state_interval: 2m
    parquet: {compression: snappy, row_group_rows: 100_000}
    budget: 500GiB
    budget_warning: 75%
  tables:
    readings: {keep: 90d}
    readings_narrow: {keep: forever}
    dead_letters: {keep: 30d}
    devices: {every: never}
  maintenance:
    enabled: false
    compact: false
    file_size: 128MiB
    settle: 2h
    rate: 16MB/s
    log_checkpoint: 50
    log_keep: 3d
    deleted_files_keep: 2d
  memory: {buffers: 1GiB}
  http: {listen: "[::1]:${PORT}"}
  admin: {socket: run/fleet.sock, mode: 0600}
  log: {level: debug, format: json}

  """

private let contract = """
  pipeline: fleet
  kafka:
    brokers: [127.0.0.1:9092]
    # group: downlink-fleet
    start: earliest
    on_position_lost: stop
    properties: {}
  sources:
    - name: snapshots
      topics: [telemetry]
      message: fleet.telemetry.v1.DeviceTelemetry      # built in, or from a descriptor set:
      device: device_id
      time: {field: time_unix_ms, unit: ms}            # s | ms | us | ns
      sequence: sequence
      attributes: [region, firmware]
      metrics: all
    - name: samples
      topics: [samples]
      message: fleet.telemetry.v1.TelemetryBatch
      rows: samples
      device: device_id
      time: {field: samples.time_unix_us, unit: us}
      metric: {name: samples.metric, value: samples.value}
      attributes: [region, firmware, model]
  event_time:
    out_of_orderness: 5s
    allowed_lateness: 1m
    max_future_skew: 5m
    plausible_from: 2000-01-01
    device_idle: 1h
  windows:
    - {name: 5m, size: 5m, slide: 1m, aggregates: [count, sum, mean, min, max, stddev, first, last]}
  detectors:
    - name: battery-temperature
      metric: battery_temperature_c
      limits:
        warning: {above: 45}
        critical: {above: 60}
        clear_margin: 2
        readings: 2
    - {name: voltage-shift, metric: battery_voltage_v, shift: {}}
    - {name: heard-nothing, silence: {after: 15m}}
  storage:
    root: ./data
    commit: {interval: 60s}
    parquet: {compression: zstd}
  http: {listen: 127.0.0.1:9479}
  log: {level: info}
  """

/// When a partition is idle: what holds where the file says nothing.
@Suite struct PartitionIdleTests {
  static let cases: [(section: String, expected: Int64?)] = [
    ("{}", 3_600_000_000), ("{device_idle: 1m}", 600_000_000),
    ("{device_idle: 3h}", 10_800_000_000), ("{partition_idle: never}", nil),
    ("{partition_idle: 2m}", 120_000_000), ("{device_idle: 1m, partition_idle: 9m}", 540_000_000),
  ]

  @Test(arguments: cases)
  func `as a device, or after ten minutes, where nothing is said`(
    section: String, expected: Int64?
  ) throws {
    let configuration = try read(minimal + "event_time: \(section)\n")
    #expect(configuration.sources[0].eventTime.partitionIdleMicros == expected)
    #expect(configuration.eventTime.partitionIdleMicros == expected)
  }

  @Test func `a source may have its own, and follows its own devices`() throws {
    func source(_ section: String) throws -> Int64? {
      try read(
        minimal.replacing(
          "device: device_id", with: "device: device_id\n    event_time: \(section)")
          + "event_time: {partition_idle: never}\n"
      ).sources[0].eventTime.partitionIdleMicros
    }
    #expect(try source("{device_idle: 2h}") == nil, "the file's")
    #expect(try source("{partition_idle: 5m}") == 300_000_000)
  }
}
