import Base

/// A first configuration as `init` writes it: what was answered, and the keys that come next as
/// comments.
struct FirstConfiguration: Equatable {
  /// How the records of the topic become readings.
  struct Mapping: Equatable {
    var message: String
    var definition = ProposalText.Definition.builtIn
    var device: String
    /// A field path, `$timestamp` or `$header.NAME`.
    var timeField: String
    var timeUnit: String?
    var sequence: String?
    var attributes: [String] = []
  }

  enum Source: Equatable {
    case mapped(Mapping)
    /// The block that `schema infer` proposes, from `sources:` on, with its reasons.
    case proposed(String)
  }

  struct Property: Equatable {
    let name: String
    let value: String
  }

  var pipeline: String
  var brokers: [String]
  var properties: [Property] = []
  var topic: String
  var source: Source
  var root: String
  /// The JSON Schema's path for editors, where it is installed.
  var schema: String?

  /// The file. It is accepted by `check` where the answers are.
  var text: String {
    let head = schema.map { "# yaml-language-server: $schema=\($0)\n" } ?? ""
    return head + Self.preamble + kafka + sourceBlock + analysis + rest
  }

  private static let preamble = """
    # downlinkd: a first configuration, by downlinkd init.
    #
    #   downlinkd check --config FILE --connect      says whether it fits, here and now
    #   docs/CONFIG.md, downlinkd.yaml(5)            every key: type, range, default, meaning
    #
    # Paths are relative to this file. ${NAME} and ${NAME:-default} in a value come from the
    # environment. Durations: 200ms, 30s, 5m, 1h30m, 2d. Sizes: 64MB, 1GiB.


    """

  private var kafka: String {
    let known = properties.map { "    \($0.name): \(Self.written($0.value))\n" }.joined()
    let block =
      properties.isEmpty
      ? """
        properties: {}                        # any librdkafka property; for a secured cluster:
        #   security.protocol: sasl_ssl
        #   sasl.mechanism: SCRAM-SHA-512
        #   sasl.username: downlink
        #   sasl.password: credential:kafka-password     # or file:PATH, or ${NAME}
      """ + "\n" : "  properties:                           # any librdkafka property\n" + known
    return """
      pipeline: \(Self.written(pipeline))
      # names the ledger; the consumer group is downlink-\(pipeline)

      kafka:
        brokers: [\(brokers.map(Self.quoted).joined(separator: ", "))]
        start: earliest                       # first run only: earliest | latest
        on_position_lost: stop                # stop | skip_and_record (and go on)

      """ + block + "\n"
  }

  private var sourceBlock: String {
    switch source {
    case .proposed(let block): return block + "\n"
    case .mapped(let mapping):
      var lines = [
        "sources:",
        "  - name: \(SchemaInferCommand.sourceName(ofTopic: topic))",
        "    topics: [\(Self.quoted(topic))]",
        "    message: \(Self.written(mapping.message))",
      ]
      switch mapping.definition {
      case .builtIn, .registry: break
      case .descriptorSet(let path): lines.append("    descriptor_set: \(Self.written(path))")
      case .protos(let folder): lines.append("    protos: {folder: \(Self.quoted(folder))}")
      }
      lines.append("    device: \(Self.written(mapping.device))")
      let unit = mapping.timeUnit.map { ", unit: \($0)" } ?? ""
      lines.append("    time: {field: \(Self.quoted(mapping.timeField))\(unit)}")
      if let sequence = mapping.sequence { lines.append("    sequence: \(Self.written(sequence))") }
      let attributes = mapping.attributes.map(Self.quoted).joined(separator: ", ")
      lines.append("    attributes: [\(attributes)]")
      lines.append("    metrics: all    # or a list: [battery_voltage_v, {field: x.y, unit: V}]")
      return lines.joined(separator: "\n") + "\n\n"
    }
  }

  private var analysis: String {
    """
    # Each device has its own clock. Satellites that are heard in passes: device_idle 2h.
    # Inverters behind gateways: out_of_orderness 1m.
    event_time:
      out_of_orderness: 5s                  # how far readings of one device come out of order
      allowed_lateness: 1m                  # how long a closed window still takes late ones
      device_idle: 1h                       # then its open windows fire

    windows:
      - name: 5m
        size: 5m
        slide: 1m                           # a window starts every minute
        # metrics: ["battery_*"]            # narrow it to what is worth its rows

    # A detector has one rule: limits, silence, or one that learns what is usual for each series:
    # spike, jump, shift. `downlinkd check` shows what each comes to.
    detectors:
      - {name: heard-nothing, silence: {after: 15m}}
      # - name: battery-temperature
      #   metric: battery_temperature_c     # a name, or a glob in quotes
      #   limits: {warning: {above: 45}, critical: {above: 60}, clear_margin: 2, readings: 2}
      # - {name: voltage-shift, metric: battery_voltage_v, shift: {}}


    """
  }

  private var rest: String {
    """
    storage:
      root: \(Self.written(root))
      # the tables are in tables/<table> below it
      commit: {interval: 60s}               # rows become visible this often

    http: {listen: 127.0.0.1:9479}          # /metrics /livez /readyz /status and a page; or none
    log: {level: info}                      # format: auto | text | json

    """
  }

  // MARK: - Texts

  /// In quotes unless it is plainly a word. A reference to the environment stays one.
  private static func written(_ text: String) -> String {
    text.contains("${") ? quoted(text) : YAMLText.scalar(text)
  }

  /// In double quotes, which YAML has in common with JSON.
  private static func quoted(_ text: String) -> String { JSONValue.string(text).text }
}
