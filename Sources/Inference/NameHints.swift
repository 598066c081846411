/// What names say about fields. Names only tip the scales: no role is given for a name alone.
enum NameHints {
  /// `batteryVoltageV`, `battery_voltage_v` and `battery-voltage-v` have the same words.
  static func words(of name: some StringProtocol) -> [String] {
    var words: [String] = []
    var word = ""
    var wasLower = false
    for character in name {
      let isUpper = character.isUppercase
      if !character.isLetter && !character.isNumber || isUpper && wasLower {
        if !word.isEmpty { words.append(word) }
        word = ""
      }
      if character.isLetter || character.isNumber { word += character.lowercased() }
      wasLower = character.isLowercase || character.isNumber
    }
    return word.isEmpty ? words : words + [word]
  }

  private static let things: Set<String> = [
    "device", "satellite", "sat", "spacecraft", "vehicle", "car", "truck", "drone", "asset",
    "turbine", "charger", "inverter", "meter", "sensor", "machine", "robot", "thing", "station",
    "battery", "probe", "node", "host", "gateway", "unit", "equipment", "pump", "panel", "buoy",
  ]
  private static let numbers: Set<String> = [
    "id", "uid", "uuid", "eui", "serial", "name", "key", "number", "no", "identifier", "code",
  ]
  private static let identities: Set<String> = ["imei", "vin", "mac", "serial", "imsi", "iccid"]
  private static let properties: Set<String> = [
    "message", "msg", "trace", "span", "request", "correlation", "event", "batch", "session",
    "tenant", "customer", "org", "fleet", "region", "zone", "country", "city", "firmware",
    "version", "model", "type", "kind", "status", "state", "mode", "note", "text", "comment",
    "description", "error", "schema", "topic", "language", "currency", "level", "user", "site",
    "location", "group", "cluster", "software", "hardware", "vendor", "manufacturer", "product",
    "reason", "label", "category", "tag", "environment", "operator", "owner", "revision",
  ]

  /// How much a name sounds like that of a device: 4 `device_id`, 2 `id`, −3 `region`, else 0.
  static func device(_ name: some StringProtocol) -> Int {
    let words = words(of: name)
    guard let last = words.last else { return 0 }
    if words.contains(where: properties.contains) { return -3 }
    if words.contains(where: identities.contains) { return 4 }
    let isThing = words.contains(where: things.contains)
      || ["deviceid", "deviceuid", "sensorid", "assetid"].contains(last)
    if isThing, numbers.contains(last) || words.count == 1 { return 4 }
    if words.count == 1, numbers.contains(last) || ["source", "sender"].contains(last) { return 2 }
    return numbers.contains(last) || isThing ? 1 : 0
  }

  private static let times: Set<String> = [
    "time", "timestamp", "ts", "at", "datetime", "date", "epoch", "when", "stamp", "unix", "utc",
    "sampled", "measured", "observed", "recorded", "taken", "clock", "millis", "micros", "nanos",
  ]
  private static let otherTimes: Set<String> = [
    "received", "ingest", "ingested", "ingestion", "updated", "expires", "expiry", "boot", "start",
    "started", "valid", "processed", "published", "sent", "install", "installed", "last", "until",
    "previous", "next", "due", "end",
  ]

  /// How much a name sounds like that of an event time: 2, 0, or −2 `received_at`.
  static func time(_ name: some StringProtocol) -> Int {
    let words = words(of: name)
    if words.contains(where: otherTimes.contains) { return -2 }
    return words.contains(where: times.contains) ? 2 : 0
  }

  /// Whether it is called like a number that counts messages.
  static func isSequence(_ name: some StringProtocol) -> Bool {
    let words = words(of: name)
    let known: Set<String> = ["seq", "sequence", "seqno", "counter", "frame", "packet"]
    return words.contains(where: known.contains)
      || words.count > 1 && ["msg", "message"].contains(words[0])
  }

  private static let identityWords: Set<String> = [
    "id", "uid", "uuid", "crc", "checksum", "serial", "port", "pid", "version", "code", "address",
    "hash", "zip", "imei", "vin",
  ]

  /// Whether an integer is called like a name of something rather than like a quantity.
  static func isIdentity(_ name: some StringProtocol) -> Bool {
    words(of: name).last.map { identityWords.contains($0) } ?? false
  }

  /// Whether a row's field is called like the name of its metric.
  static func isMetricName(_ name: some StringProtocol) -> Bool {
    let known: Set<String> = [
      "name", "metric", "key", "channel", "signal", "sensor", "parameter", "param", "tag", "label",
      "measurement", "quantity", "field", "series", "register", "variable", "point",
    ]
    return words(of: name).contains(where: known.contains)
  }

  /// Whether a row's field is called like the value of its metric.
  static func isMetricValue(_ name: some StringProtocol) -> Bool {
    let known: Set<String> = ["value", "val", "reading", "amount", "v", "number", "measured"]
    return words(of: name).contains(where: known.contains)
  }
}

/// Numbers as sentences have them.
enum Words {
  /// `100 %` of all only; `0 %` of none only.
  static func percent(_ share: Double) -> String {
    if share >= 1 { return "100 %" }
    if share <= 0 { return "0 %" }
    if share > 0.999 { return "over 99.9 %" }
    if share < 0.001 { return "under 0.1 %" }
    let tenths = Int((share * 1000).rounded())
    return tenths % 10 == 0 ? "\(tenths / 10) %" : "\(tenths / 10).\(tenths % 10) %"
  }

  static func count(_ count: Int, _ one: String, _ many: String? = nil) -> String {
    "\(count) \(count == 1 ? one : many ?? one + "s")"
  }

  /// At most six significant digits.
  static func number(_ number: Double) -> String {
    if number == number.rounded(), abs(number) < 1e15 { return "\(Int64(number))" }
    if abs(number) >= 1e-4, abs(number) < 1e9 {
      // Of numbers below 1 the zeros count as digits.
      var scale = abs(number) < 1 ? 1e6 : 1e5
      var size = abs(number)
      while size >= 10, scale > 1 {
        size /= 10
        scale /= 10
      }
      let rounded = (number * scale).rounded() / scale
      return rounded == rounded.rounded() ? "\(Int64(rounded))" : "\(rounded)"
    }
    return "\(number)"
  }

  /// `"a", "b", …`: the first few of some texts, cut where they are long.
  static func examples(_ values: DistinctValues, _ countMax: Int = 3) -> String {
    let shown = values.texts.prefix(countMax).map { "\"\(clean($0, 40))\"" }
    let rest = values.count > shown.count ? ", …" : ""
    return shown.joined(separator: ", ") + rest
  }

  /// A text that stands in one line, whatever it holds.
  static func clean(_ text: some StringProtocol, _ countMax: Int) -> String {
    let shown = text.unicodeScalars.prefix(countMax).map { scalar in
      let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        || scalar.value == 0x2028 || scalar.value == 0x2029 || scalar.value == 0xFEFF
      return isControl ? "?" : String(scalar)
    }.joined()
    return text.unicodeScalars.count > countMax ? shown + "…" : shown
  }
}
