import Base
package import Decode

/// Proposes a mapping for records of which only a sample and, better, a set of message types is
/// known.
///
///     records ─▶ open envelopes ─▶ TypeJudge: which type? ─▶ MessageStatistics, by Kafka's key
///        ─▶ rows? device? ─▶ MessageStatistics, by device ─▶ time, sequence, attributes, metrics
///        ─▶ DecodePlan, TrialRun over all records ─▶ proposal
///
/// What comes out is a mapping that compiles and by which the real decoder reads at least half of
/// the records, or the reasons why there is none.
///
/// **Invariants:** a function of the records and the options alone: the same records give the same
/// proposal. Memory is bounded by `InferenceBounds`, whatever the records hold. Cost: about 100 µs
/// a record.
package struct SchemaInference {
  /// What is known beforehand.
  package struct Options: Sendable {
    /// The name of the source.
    package var source: String
    /// The message type; nil to try all.
    package var messageName: String?
    package var envelope: Envelope

    package init(source: String, messageName: String? = nil, envelope: Envelope = .none) {
      self.source = source
      self.messageName = messageName
      self.envelope = envelope
    }
  }

  /// A record whose message is at hand.
  private struct Opened {
    let index: Int
    let message: [UInt8]
  }

  private let catalogue: MessageCatalogue?
  private let options: Options

  /// A type that fewer records fit is none.
  private static let leastShare = 0.5
  private static let leastScore = 0.4

  /// - Parameter catalogue: nil where nobody knows the types; then there is an outline only.
  package init(_ catalogue: MessageCatalogue?, _ options: Options) {
    self.catalogue = catalogue
    self.options = options
  }

  /// Looks at the records, which stand in the order of their partitions' offsets.
  package func infer(from records: [SampleRecord]) -> InferenceOutcome {
    var sample = SampleSummary(records)
    let opened = open(records, &sample)
    var none = NoProposal(reasons: [], sample: sample)
    guard !opened.isEmpty else {
      none.reasons =
        records.isEmpty
        ? ["there are no records, so that nothing can be said of what they hold"]
        : ["no record has a message in it"]
      return .none(none)
    }
    let messages = opened.map(\.message)
    guard let catalogue else {
      none.outline = WireOutline(messages)
      none.reasons = ["nothing says what the messages are"]
      return .none(none)
    }
    var judge = TypeJudge()
    let (fits, type) = chooseType(in: catalogue, messages, &judge)
    none.fits = fits
    guard let type, let best = fits.first(where: { $0.name == type.name }),
      best.share >= Self.leastShare, best.score >= Self.leastScore
    else {
      none.reasons = Self.reasons(againstTypes: fits, options)
      none.outline = WireOutline(messages)
      return .none(none)
    }
    let fitting = opened.filter { judge.judge($0.message, as: type).misfit == nil }
    return propose(type, fitting, records, none)
  }

  // MARK: - Parts

  private func open(_ records: [SampleRecord], _ sample: inout SampleSummary) -> [Opened] {
    var gate = EnvelopeGate(envelope: options.envelope, messageName: "", directory: nil)
    var opened: [Opened] = []
    for (index, record) in records.enumerated() {
      guard let value = record.value else { continue }
      let verdict = unsafe gate.judge(value.span.bytes)
      switch verdict {
      case .open(let start): opened.append(Opened(index: index, message: Array(value[start...])))
      case .dead(let reason, _): sample.unopened[reason.rawValue, default: 0] += 1
      case .waiting: preconditionFailure("without a directory nothing is waited for")
      }
    }
    return opened
  }

  /// The fits, the best first, and the type that is asked for or fits best.
  private func chooseType(
    in catalogue: MessageCatalogue, _ messages: [[UInt8]], _ judge: inout TypeJudge
  ) -> (fits: [TypeFit], type: MessageType?) {
    let own = catalogue.types.filter { !$0.name.hasPrefix("google.protobuf.") }
    let types = own.isEmpty ? catalogue.types : own
    if let name = options.messageName {
      guard let type = catalogue.type(named: name) else { return ([], nil) }
      let fit = judge.rank([type], by: messages)
      if fit[0].share >= Self.leastShare, fit[0].score >= Self.leastScore { return (fit, type) }
      return (fit + judge.rank(types.filter { $0 != type }, by: messages), nil)
    }
    let fits = judge.rank(types, by: messages)
    return (fits, fits.first.flatMap { catalogue.type(named: $0.name) })
  }

  private static func reasons(againstTypes fits: [TypeFit], _ options: Options) -> [String] {
    guard let first = fits.first else {
      return ["there is no such message type as \(options.messageName ?? "the one asked for")"]
    }
    var reasons: [String] = []
    func sentence(_ fit: TypeFit) -> String {
      var text = "\(fit.name) fits \(fit.fittingCount) of \(Words.count(fit.recordCount, "record"))"
      if fit.fittingCount > 0 { text += " (score \(Words.percent(fit.score)))" }
      if let misfit = fit.misfit { text += "; \(misfit.count) do not: \(misfit.reason)" }
      return text
    }
    if options.messageName != nil {
      reasons.append(sentence(first))
      if fits.count > 1, fits[1].share >= leastShare, fits[1].score >= leastScore {
        reasons.append("the records look like \(fits[1].name): \(sentence(fits[1]))")
      }
    } else {
      reasons.append("no message type fits the records")
      reasons += fits.prefix(3).map(sentence)
    }
    return reasons
  }

  private func propose(
    _ type: MessageType, _ fitting: [Opened], _ records: [SampleRecord], _ none: NoProposal
  ) -> InferenceOutcome {
    var none = none
    var keys = KeyStatistics()
    for record in records { keys.insert(record) }
    let byKey = statistics(type, fitting, records) { opened in
      keys.group(of: records[opened.index].key)
    }
    let leaves = byKey.leaves()
    let rows = RowsChoice(statistics: byKey, leaves: leaves).find()
    guard let device = DeviceChoice(leaves: leaves, keys: keys).find() else {
      none.reasons = Self.reasons(withoutDevice: leaves, keys)
      return .none(none)
    }
    let byDevice = regrouped(byKey, type, fitting, records, keys, device.device)
    let (time, timeChoice) = TimeChoice(
      leaves: byDevice.leaves(), rowNode: rows?.node, hasGroups: true
    ).find()
    let columns = ColumnChoice(byDevice, rows: rows, device: device.choice, time: timeChoice)
    let mapping = mapping(type, rows, device.device, time, columns)
    guard rows?.narrow != nil || columns.metrics.contains(where: \.isProposed) else {
      none.reasons = ["\(type.name) has no field that could be a metric"]
      return .none(none)
    }
    let plan: DecodePlan
    do {
      plan = try DecodePlan(mapping, catalogue: MessageCatalogue(type.pool))
    } catch {
      none.reasons = ["the mapping that suggests itself is not possible"]
        + error.faults.map(\.description)
      return .none(none)
    }
    let trial = TrialRun(plan, records)
    guard (trial.readCount + trial.emptyCount) * 2 >= records.count, trial.readCount > 0 else {
      none.reasons = ["by the mapping that suggests itself most records would be dead letters"]
        + trial.dead.map { "\($0.reason.rawValue), \($0.count) times: \($0.example)" }
      return .none(none)
    }
    let notes = ProposalNotes(byDevice, keys, rows, columns, none.sample, none.fits).sentences
    return .proposal(
      SchemaProposal(
        mapping: mapping, sample: none.sample, fits: none.fits,
        isTypeGiven: options.messageName != nil, device: device.choice, time: timeChoice,
        rows: rows?.reasons ?? [], sequence: columns.sequence,
        tellsDuplicates: columns.tellsDuplicates, attributes: columns.attributes,
        metrics: columns.metrics, notes: notes, trial: trial))
  }

  private func statistics(
    _ type: MessageType, _ fitting: [Opened], _ records: [SampleRecord],
    group: (Opened) -> Int?
  ) -> MessageStatistics {
    var statistics = MessageStatistics(type)
    for opened in fitting {
      let record = records[opened.index]
      statistics.insert(
        opened.message, group: group(opened), key: record.key, kafkaMicros: record.timestampMicros)
    }
    return statistics
  }

  /// The statistics by device instead of by key.
  private func regrouped(
    _ byKey: MessageStatistics, _ type: MessageType, _ fitting: [Opened],
    _ records: [SampleRecord], _ keys: KeyStatistics, _ device: MessageMapping.Device
  ) -> MessageStatistics {
    var groups: [[UInt8]: Int] = [:]
    func group(_ name: [UInt8]?) -> Int? {
      guard let name, !name.isEmpty else { return nil }
      if let known = groups[name] { return known }
      guard groups.count < InferenceBounds.distinctCountMax else { return nil }
      groups[name] = groups.count
      return groups.count - 1
    }
    switch device {
    case .recordKey: return byKey
    case .field(let path):
      let fields = type.fields(atPath: path) ?? []
      return statistics(type, fitting, records) { opened in
        group(FieldLookup.text(of: fields, in: opened.message))
      }
    case .header(let name):
      return statistics(type, fitting, records) { opened in
        group(records[opened.index].headers.last { $0.name == name }?.value)
      }
    }
  }

  private func mapping(
    _ type: MessageType, _ rows: RowsChoice.Found?, _ device: MessageMapping.Device,
    _ time: MessageMapping.Time, _ columns: ColumnChoice
  ) -> MessageMapping {
    let metrics = columns.metrics.filter(\.isProposed).map {
      MessageMapping.Metric(field: $0.field, name: $0.name, key: $0.key)
    }
    let narrow = rows?.narrow.map {
      MessageMapping.NarrowMetric(nameField: $0.name.text, valueField: $0.value.text)
    }
    var mapping = MessageMapping(
      source: options.source, messageName: type.name, rows: rows?.path, device: device,
      time: time, sequence: columns.mappedSequence,
      attributes: columns.attributes.filter(\.isProposed).map {
        MessageMapping.Attribute(field: $0.field, name: $0.name)
      },
      metrics: narrow == nil ? .list(metrics) : .all, narrowMetric: narrow,
      plausibleFromMicros: Self.plausibleFromMicros)
    mapping.envelope = options.envelope
    return mapping
  }

  /// 2000-01-01, the configuration's default.
  private static let plausibleFromMicros: Int64 = 946_684_800_000_000

  private static func reasons(withoutDevice leaves: [Leaf], _ keys: KeyStatistics) -> [String] {
    var reasons = ["nothing tells which device a record is of"]
    if keys.presentCount == 0 {
      reasons.append("the records have no keys")
    } else {
      reasons.append(
        "keys: \(keys.distinct.countText) of them in \(Words.count(keys.presentCount, "record"))"
          + (keys.textShare < 0.99 ? ", not all of them text" : ""))
    }
    for leaf in leaves where leaf.rowNode == nil && leaf.kind == .text {
      let seen = leaf.statistics
      reasons.append(
        "\(leaf.text): \(seen.distinct.countText) values in "
          + "\(Words.count(seen.usefulCount, "record")) (\(Words.examples(seen.distinct)))")
    }
    return Array(reasons.prefix(12))
  }
}

/// Reads single fields of a message.
enum FieldLookup {
  /// The bytes of a string at a path of singular fields; nil if it is absent.
  static func text(of path: [MessageField], in bytes: [UInt8]) -> [UInt8]? {
    guard let range = range(path[...], bytes, 0..<bytes.count) else { return nil }
    return Array(bytes[range])
  }

  private static func range(
    _ path: ArraySlice<MessageField>, _ bytes: [UInt8], _ within: Range<Int>
  ) -> Range<Int>? {
    guard let field = path.first else { return within }
    var found: Range<Int>?
    var cursor = WireCursor(bytes, within)
    while let wire = (try? cursor.next()) ?? nil {
      guard wire.number == field.number, wire.wireType == 2 else { continue }
      // The last one counts; of messages that stand twice the last that has it.
      found = range(path.dropFirst(), bytes, wire.content) ?? found
    }
    return found
  }
}
