/**
 * The shapes of shared drives, storage providers, datasets and models (other-resources.md). Only schemas live here.
 */

import { Type } from "typebox";
import { closed, date, nullable, opt } from "./schemas.ts";
import { LooseDtDeleted } from "./schemas-resources.ts";

const text = () => Type.String();
const some = () => Type.String({ minLength: 1 });
const maybe = () => nullable(Type.String());

export const CreateDrive = closed({
  name: text(),
  size: Type.Number({ exclusiveMinimum: 0 }),
  region: text(),
  networkId: text(),
});
export const UpdateDrive = closed({ name: opt(text()) });

/** other-resources.md, shared-drives: the password is in every answer. */
export const Drive = closed({
  id: text(),
  name: text(),
  region: text(),
  networkId: text(),
  size: Type.Integer(),
  mountPoint: text(),
  username: text(),
  password: text(),
  dtCreated: date(),
  dtDeleted: LooseDtDeleted,
});

const S3Config = closed({
  bucket: some(),
  accessKey: some(),
  secretAccessKey: some(),
  endpoint: opt(nullable(Type.String({ format: "uri" }))),
  region: opt(maybe()),
  signatureVersion: opt(maybe()),
  retainData: opt(nullable(Type.Boolean())),
});

export const CreateProvider = closed({
  name: text(),
  storageProviderType: Type.Enum(["s3"]),
  s3Config: S3Config,
  isTeamDefault: opt(Type.Boolean()),
});
/** "PUT is a full replacement here." */
export const ReplaceProvider = closed({ name: text(), s3Config: S3Config, isTeamDefault: Type.Boolean() });

export const Provider = closed({
  id: text(),
  name: text(),
  isManaged: Type.Boolean(),
  isTeamDefault: nullable(Type.Boolean()),
  s3Config: S3Config,
});

/** Counts of bytes, as text. */
export const Utilization = closed({
  totalFreeStorage: text(),
  remainingFreeStorage: text(),
  totalUsage: text(),
  modelUsage: text(),
  datasetUsage: text(),
  sharedStorageUsage: text(),
  notebookWorkspaceUsage: text(),
});

const newStored = {
  name: text(),
  description: opt(maybe()),
  storageProviderId: opt(text()),
};

export const CreateDataset = closed({ ...newStored, isPublic: opt(Type.Boolean()) });
export const UpdateDataset = closed({ name: opt(text()), description: opt(maybe()) });
export const CreateModel = closed({ ...newStored, isPublic: Type.Boolean(), projectId: opt(text()) });

const stored = {
  id: text(),
  dtCreated: date(),
  dtModified: date(),
  isPublic: Type.Boolean(),
  teamId: text(),
  storageProviderId: maybe(),
  description: maybe(),
};

export const Dataset = closed({ ...stored, name: maybe() });
export const Model = closed({ ...stored, name: text(), projectId: maybe() });

const Metadata = Type.Record(Type.String(), Type.Unknown());
const newVersion = { message: opt(text()), tags: opt(text()), metadata: opt(Metadata) };

export const CreateVersion = closed(newVersion);
export const UpdateVersion = closed({ ...newVersion, isCommitted: opt(Type.Boolean()) });

export const Version = closed({
  version: text(),
  userId: maybe(),
  datasetId: text(),
  message: maybe(),
  metadata: nullable(Metadata),
  isCommitted: Type.Boolean(),
  url: maybe(),
  dtCreated: date(),
  dtModified: date(),
  tags: Type.Array(text()),
  usageBytes: maybe(),
});
export const OnlyVersion = closed({ datasetId: text(), version: text() });
