internal import Base

/// A configuration taken apart into single values, each with its path, its text for people and what
/// a change of it takes.
struct SettingList {
  /// One value.
  struct Setting {
    let path: String
    let text: String
    /// What two values are compared by where it is not their text: the hash of a content.
    var identity = ""
    let effect: ConfigurationChange.Effect

    func isSame(as other: Setting) -> Bool {
      identity.isEmpty && other.identity.isEmpty
        ? text == other.text : identity == other.identity
    }
  }

  /// A named item of a list, which is added and removed as a whole.
  struct Item {
    /// `detectors[voltage-shift]`.
    let path: String
    /// What it is in a few words, for its coming and going.
    let summary: String
    /// Items that differ in this have too little in common to be compared value by value.
    let shape: String
    let effect: ConfigurationChange.Effect
    let settings: [Setting]
  }

  let settings: [Setting]
  let items: [Item]
  /// The names of the windows in the order of the file, which state keeps.
  let windowNames: [String]

  init(_ configuration: Configuration) {
    var general = SettingWriter(path: "")
    general.write(configuration)
    settings = general.settings
    items =
      configuration.sources.map(Item.init) + configuration.windows.map(Item.init)
      + configuration.detectors.map(Item.init) + configuration.alerts.webhooks.map(Item.init)
    windowNames = configuration.windows.map(\.name)
  }

  // MARK: - Comparing

  /// What differs, in the order of the new file; what is gone comes last of its kind.
  func differences(to new: SettingList) -> [ConfigurationChange.Difference] {
    var differences = Self.differences(settings, new.settings)
    let before = Dictionary(items.map { ($0.path, $0) }) { first, _ in first }
    let after = Set(new.items.map(\.path))
    for item in new.items {
      guard let old = before[item.path] else {
        differences.append(
          .init(keyPath: item.path, old: nil, new: item.summary, effect: item.effect))
        continue
      }
      if old.shape == item.shape {
        differences += Self.differences(old.settings, item.settings)
      } else {
        differences.append(
          .init(keyPath: item.path, old: old.summary, new: item.summary, effect: item.effect))
      }
    }
    for item in items where !after.contains(item.path) {
      differences.append(
        .init(keyPath: item.path, old: item.summary, new: nil, effect: item.effect))
    }
    if windowNames != new.windowNames, windowNames.sorted() == new.windowNames.sorted() {
      differences.append(
        .init(
          keyPath: "windows", old: windowNames.joined(separator: ", "),
          new: new.windowNames.joined(separator: ", "), effect: .otherState))
    }
    return Self.withoutInherited(differences)
  }

  /// A source's event time that follows the common block is one change with it, not two.
  private static func withoutInherited(
    _ differences: [ConfigurationChange.Difference]
  ) -> [ConfigurationChange.Difference] {
    let common = Set(differences.filter { $0.keyPath.hasPrefix("event_time.") })
    return differences.filter { difference in
      guard let dot = difference.keyPath.firstRange(of: "].event_time.") else { return true }
      let key = difference.keyPath[difference.keyPath.index(after: dot.lowerBound)...].dropFirst()
      return !common.contains {
        $0.keyPath == key && $0.old == difference.old && $0.new == difference.new
      }
    }
  }

  private static func differences(
    _ old: [Setting], _ new: [Setting]
  ) -> [ConfigurationChange.Difference] {
    let before = Dictionary(old.map { ($0.path, $0) }) { first, _ in first }
    let after = Set(new.map(\.path))
    var differences: [ConfigurationChange.Difference] = []
    for setting in new {
      let was = before[setting.path]
      if let was, was.isSame(as: setting) { continue }
      differences.append(
        .init(
          keyPath: setting.path, old: was?.text, new: setting.text, effect: setting.effect))
    }
    for setting in old where !after.contains(setting.path) {
      differences.append(
        .init(keyPath: setting.path, old: setting.text, new: nil, effect: setting.effect))
    }
    return differences
  }
}
