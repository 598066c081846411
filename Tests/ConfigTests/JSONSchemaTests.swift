import Base
import TestSupport
import Testing

@testable import Config

/// The JSON Schema says what the program does: the same keys, defaults and words, and no more
/// refusals than its.
@Suite struct JSONSchemaTests {
  private let schema: JSONValue

  init() throws { schema = try JSONValue(parsing: Configuration.jsonSchema) }

  @Test func `the published file is what the program prints`() throws {
    let file = try #require(fileText(Repository.path("config/downlinkd.schema.json")))
    #expect(
      file == Configuration.jsonSchema,
      "write it anew: downlinkd check --schema >config/downlinkd.schema.json")
    let example = try #require(fileText(Repository.path("config/downlinkd.yaml")))
    #expect(example.hasPrefix("# yaml-language-server: $schema=downlinkd.schema.json\n"))
  }

  @Test func `it has every key that the reader knows, and no other`() {
    let keys = Self.keys(of: schema, under: "")
    #expect(Set(keys).subtracting(Configuration.knownKeys) == [])
    #expect(Set(Configuration.knownKeys).subtracting(keys) == [])
  }

  @Test func `every key is explained, and every reference leads somewhere`() {
    let definitions = schema["$defs"]?.members ?? []
    #expect(definitions.count == SchemaForm.allCases.count)
    func walk(_ value: JSONValue) {
      if let reference = value["$ref"]?.stringValue {
        #expect(definitions.contains { reference == "#/$defs/\($0.name)" }, "\(reference)")
      }
      for property in value["properties"]?.members ?? [] where value["type"] != nil {
        let about = property.value["description"]?.stringValue ?? ""
        #expect(about.hasSuffix(".") || about.hasSuffix("…"), "\(property.name): \(about)")
      }
      for member in value.members ?? [] { walk(member.value) }
      for element in value.arrayValue ?? [] { walk(element) }
    }
    walk(schema)
  }

  @Test func `what it gives as defaults are the defaults`() throws {
    var text = minimal
    let source = try #require(schema["properties"]?["sources"]?["items"])
    let inSource = Self.defaults(of: source, except: [])
    text = text.replacing(
      "device: device_id", with: "device: device_id" + inSource.map { "\n    \($0)" }.joined())
    let isGiven: Set<String> = ["pipeline", "kafka", "sources", "storage"]
    for line in Self.defaults(of: schema, except: isGiven) { text += line + "\n" }
    let storage = try #require(schema["properties"]?["storage"])
    let inStorage = Self.defaults(of: storage, except: []).joined(separator: ", ")
    text = text.replacing("{root: /srv/downlink}", with: "{root: /srv/downlink, \(inStorage)}")
    let kafka = try #require(schema["properties"]?["kafka"])
    text = text.replacing(
      "[b:9092]", with: "[b:9092], \(Self.defaults(of: kafka, except: []).joined(separator: ", "))")
    #expect(text.contains("out_of_orderness: \"5s\"") && text.contains("share: \"90%\""), "\(text)")
    #expect(try read(text).effective == read(minimal).effective)
  }

  @Test func `defaults of detectors are the defaults`() throws {
    let rules = try #require(
      schema["properties"]?["detectors"]?["items"]?["properties"]?.members)
    for rule in rules where ["spike", "jump", "shift"].contains(rule.name) {
      let given = Self.defaults(of: rule.value, except: []).joined(separator: ", ")
      #expect(given.contains("every"))
      func effective(_ values: String) throws -> String {
        let text = minimal + "detectors: [{name: d, metric: '*', \(rule.name): {\(values)}}]"
        return try read(text).effective
      }
      #expect(try effective(given) == effective(""))
    }
  }

  @Test func `it takes every configuration that the program takes`() throws {
    var texts = [minimal, Self.everything]
    for file in ["config/downlinkd.yaml", "deploy/compose/downlinkd.yaml"] {
      texts.append(try #require(fileText(Repository.path(file))))
    }
    texts.append(try read(minimal + "detectors: [{name: s, silence: {after: 5m}}]").effective)
    texts.append(try read(Self.everything, environment: ["SIZE": "5m", "CA": "x"]).effective)
    for value in Self.goodValues { texts.append(minimal + value + "\n") }
    for (text, faults) in zip(texts, try SchemaValidator.faults(of: texts)) {
      #expect(faults == [], "\(text)")
    }
    // They are good indeed.
    for value in Self.goodValues {
      _ = try read(minimal + value + "\n", environment: ["X": "1s", "Y": "7"])
    }
  }

  /// What the schema passes of the faults of the tables is for the program alone to see: names that
  /// refer to each other, files, measures out of their range, and the environment.
  @Test func `it finds most of what the program refuses`() throws {
    let cases =
      keyCases + kafkaCases + sourceCases + admissionCases + eventTimeCases + windowCases
      + storageCases + tableCases + detectorCases + statisticalCases
    let found = try SchemaValidator.faults(of: cases.map(\.text))
    var passed = 0
    for (row, faults) in zip(cases, found) where faults?.isEmpty == true {
      passed += 1
      let first = row.expected[0]
      let isKnown = Self.onlyForTheProgram.contains { first.contains($0) }
      #expect(isKnown, "the schema passes \(first)")
    }
    #expect(found.count == cases.count)
    #expect(passed * 2 < cases.count, "the schema passes \(passed) of \(cases.count)")
  }

  private static let onlyForTheProgram = [
    "is out of range; expected", "cannot read", "is not set", "is taken by", "belongs to sources",
    "is no metric", "is no source", "date that does not exist", "is in the list twice",
    "the lower limit", "critical above", "critical below", "is less than", "is not shorter",
    "is shorter than", "is longer than", "whole multiple", "slices; at most", "would clash",
    "not a field of the rows", "needs `sequence`", "finer than a millisecond", "whole number of",
    "`${`", "is not a reference", "given twice", "may only contain", "is not a name Kafka accepts",
    "10:10 tables.readings_snapshot: unknown table",
  ]

  /// Values at the edges of what a form admits, each a good configuration with `minimal`.
  private static let goodValues = [
    "lanes: 4", "lanes: '${Y}'", "lanes: auto",
    "event_time: {out_of_orderness: 0}", "event_time: {out_of_orderness: '0'}",
    "event_time: {out_of_orderness: 1d2h3m4s5ms6us, device_idle: 1.5h, max_future_skew: '${X}'}",
    "event_time: {plausible_from: 2001-02-28}", "memory: {buffers: 1.5gib}", "memory:",
    "memory: {buffers: 64000000B}", "windows: []", "windows:", "detectors: ", "log: {level: trace}",
    "http: {listen: none}", "http: {listen: '[::1]:0'}", "http: {listen: \"h-1.example.net:80\"}",
    "windows: [{name: 5, size: 5m}]", "windows: [{name: w, size: 5m, metrics: ['*', 'a?b']}]",
    "alerts:", "alerts: {webhooks: }", "alerts: {webhooks: [{name: a, url: 'http://a/?b=c@d',"
      + " format: webhook, queue: 100}]}",
    "tables:", "tables: {windows: }", "tables: {readings_snapshots: {keep: 1.5d}, devices: }",
    "tables: {readings: {keep: '${Y}0d'}, devices: {every: never}}", "maintenance:",
    "maintenance: {rate: none, log_checkpoint: 1_000}", "maintenance: {rate: 1.5gib/s, settle: 0}",
    "schema_registry: {url: 'http://a:8081/ccompat/', subject: '{topic}-{message}'}",
    "detectors: [{name: d, metric: m, limits: {warning: {outside: [-1, 2.5]}, for: 30s}}]",
    "detectors: [{name: d, metric: m, open_max: 1_000, spike: }]",
    "detectors: [{name: d, metric: m, limits: {critical: {above: 1e3}, clear_margin: .5}}]",
  ]

  private static let everything = """
    pipeline: fleet-7
    lanes: 2
    kafka:
      brokers: "a:9092, b, [::1]:9093"
      group: some.group
      start: latest
      on_position_lost: skip_and_record
      properties: {sasl.password: x, session.timeout.ms: 6000, enable.ssl: true}
    schema_registry: {url: 'https://a', user: u, password: "${CA}", timeout: 250ms, cache: c}
    event_time: {out_of_orderness: 5s}
    sources:
      - name: snapshots
        topics: [telemetry, 2024]
        message: .fleet.telemetry.v1.DeviceTelemetry
        envelope: confluent
        device: $header.device-id
        time: {field: $timestamp}
        sequence: sequence
        attributes: [region, $key, {field: $header.fw, name: firmware}]
        metrics: [a.b, {field: c, key: 1, name: d, unit: V}]
        deduplicate: {by: sequence, within: 1h, records: 10_000}
        limits: {message: 1MB, depth: 8}
        event_time: {device_idle: 2h}
        dead_letter_flood: none
        implicit_zero: true
      - name: samples
        topics: [samples]
        message: fleet.telemetry.v1.TelemetryBatch
        rows: samples
        device: $key
        time: {field: samples.time_unix_us, unit: us}
        metric: {name: samples.metric, value: samples.value}
        dead_letter_flood: {share: 50%, for: 2m}
    windows:
      - {name: w, size: "${SIZE}", slide: 1m, aggregates: [count, mean], sources: [samples]}
    detectors:
      - {name: l, source: samples, metric: "*", limits: {critical: {below: 1}, readings: 3}}
      - {name: h, silence: {after: 15m}}
      - {name: s, metric: "*", shift: {every: 5m, half_life: 7d, fast_half_life: 1h}}
    storage:
      root: data
      commit: {interval: 10s, bytes: 10MB}
      state_interval: 2m
      parquet: {compression: snappy, row_group_rows: 1000}
      budget: 500GiB
      budget_warning: 75%
    tables:
      readings: {keep: 90d}
      readings_samples: {keep: forever}
      windows: {keep: 400d}
      devices: {every: 10m}
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
    http: {listen: 0.0.0.0:9479}
    alerts:
      page_url: https://page.example.net
      webhooks:
        - {name: a, url: "https://am:9093/p", min_severity: critical, detectors: ["l*", h]}
        - {name: b, format: webhook, url: "https://h/x?t=y", bearer_token: "${CA}", resend: 2h}
        - {name: c, url: "http://${CA}", basic_auth: {user: u, password: "${CA}"}, resend: none,
           ca: ca.pem, timeout: 5s, max_age: 2h, queue: 1_000}
    log: {level: debug, format: json}

    """

  // MARK: - Walking the schema

  /// Paths as `Configuration.knownKeys` has them.
  private static func keys(of value: JSONValue, under path: String) -> [String] {
    var found: [String] = []
    for property in value["properties"]?.members ?? [] {
      found.append(path + property.name)
      found += keys(of: property.value, under: "\(path)\(property.name).")
    }
    for choice in value["anyOf"]?.arrayValue ?? [] { found += keys(of: choice, under: path) }
    if let items = value["items"] {
      found += keys(of: items, under: path.dropLast() + "[].")
    }
    return found
  }

  /// The defaults of a mapping's keys, as lines of the file.
  private static func defaults(of mapping: JSONValue, except: Set<String>) -> [String] {
    let required = mapping["required"]?.arrayValue?.compactMap(\.stringValue) ?? []
    return (mapping["properties"]?.members ?? []).compactMap { property in
      let value = property.value
      guard !except.contains(property.name), !required.contains(property.name) else { return nil }
      if let standard = value["default"] { return "\(property.name): \(standard.text)" }
      let inner = value["anyOf"]?.arrayValue?.first { $0["properties"] != nil } ?? value
      // A mapping that has a required key has no default as a whole.
      guard inner["properties"] != nil, inner["required"] == nil else { return nil }
      let lines = defaults(of: inner, except: [])
      return lines.isEmpty ? nil : "\(property.name): {\(lines.joined(separator: ", "))}"
    }
  }
}
