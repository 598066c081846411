/// What the files of a descriptor set declare, as plain values: names not yet looked up, nothing
/// checked. `DescriptorSetReader` makes them, `SchemaLinker` takes them.
///
/// Source: descriptor.proto, whose names they have; absent numbers are nil.
struct FileDeclaration {
  var name: String
  var package: String
  var dependencies: [String]
  var messages: [MessageDeclaration]
  var enums: [EnumDeclaration]
  var syntax: String
  var edition: Int32?
  var features: FeatureChoices
}

/// One message, with what is declared inside it.
struct MessageDeclaration {
  var name: String
  var fields: [FieldDeclaration]
  var messages: [MessageDeclaration]
  var enums: [EnumDeclaration]
  var oneofs: [OneofDeclaration]
  var isMapEntry: Bool
  var features: FeatureChoices
}

struct FieldDeclaration {
  var name: String
  var number: Int32?
  var label: Int32?
  var type: Int32?
  var typeName: String
  var oneofIndex: Int32?
  var isProto3Optional: Bool
  var isPacked: Bool?
  var features: FeatureChoices
  /// What the `.proto` file says of it, in one line; nil where the set does not have that.
  var comment: String?
}

struct OneofDeclaration {
  var name: String
  var features: FeatureChoices
}

struct EnumDeclaration {
  var name: String
  var values: [(name: String, number: Int32)]
  var allowsAlias: Bool
  var features: FeatureChoices
}

/// The features that one declaration sets itself; nil where it takes those around it.
struct FeatureChoices: Equatable {
  var presence: Int32?
  var enumType: Int32?
  var repeatedEncoding: Int32?
  var utf8Validation: Int32?
  var messageEncoding: Int32?
}

/// What proto2, proto3 or an edition means for the wire at one place of a file, after all choices
/// around that place.
///
/// Source: protobuf.dev, "Feature Settings for Editions"; proto2 and proto3 are settings as well.
struct Features: Equatable {
  var presence: FieldPresence
  var hasClosedEnums: Bool
  var packs: Bool
  var validatesUTF8: Bool
  var delimitsMessages: Bool

  static let proto2 = Features(
    presence: .explicit, hasClosedEnums: true, packs: false, validatesUTF8: false,
    delimitsMessages: false)
  static let proto3 = Features(
    presence: .implicit, hasClosedEnums: false, packs: true, validatesUTF8: true,
    delimitsMessages: false)
  /// Editions 2023 and 2024: the same in all that concerns the wire.
  static let edition2023 = Features(
    presence: .explicit, hasClosedEnums: false, packs: true, validatesUTF8: true,
    delimitsMessages: false)

  /// What a file begins with; nil for a syntax or an edition that this release does not know.
  init?(syntax: String, edition: Int32?) {
    switch (syntax, edition) {
    case ("", _), ("proto2", _): self = .proto2
    case ("proto3", _): self = .proto3
    case ("editions", 998): self = .proto2
    case ("editions", 999): self = .proto3
    case ("editions", 1000), ("editions", 1001): self = .edition2023
    default: return nil
    }
  }

  private init(
    presence: FieldPresence, hasClosedEnums: Bool, packs: Bool, validatesUTF8: Bool,
    delimitsMessages: Bool
  ) {
    self.presence = presence
    self.hasClosedEnums = hasClosedEnums
    self.packs = packs
    self.validatesUTF8 = validatesUTF8
    self.delimitsMessages = delimitsMessages
  }

  /// With the choices of a declaration inside. A number that stands for nothing changes nothing.
  func with(_ choices: FeatureChoices) -> Features {
    var features = self
    switch choices.presence {
    case 1: features.presence = .explicit
    case 2: features.presence = .implicit
    case 3: features.presence = .required
    default: break
    }
    func choose(_ choice: Int32?, _ yes: Int32, _ no: Int32, _ feature: inout Bool) {
      if choice == yes { feature = true }
      if choice == no { feature = false }
    }
    choose(choices.enumType, 2, 1, &features.hasClosedEnums)
    choose(choices.repeatedEncoding, 1, 2, &features.packs)
    choose(choices.utf8Validation, 2, 3, &features.validatesUTF8)
    choose(choices.messageEncoding, 2, 1, &features.delimitsMessages)
    return features
  }
}
