/**
 * The records of what the operator does not manage and the vendor's document has: shared drives, storage providers,
 * datasets and models (other-resources.md). No rules live here.
 */

import type { Owned } from "./records.ts";

/** other-resources.md, shared-drives. */
export interface DriveRecord extends Owned {
  name: string;
  region: string;
  networkId: string;
  /** Gigabytes. */
  size: number;
  mountPoint: string;
  username: string;
  /** In every answer in clear, as the vendor's document has it. */
  password: string;
}

export interface S3Config {
  bucket: string;
  accessKey: string;
  secretAccessKey: string;
  endpoint?: string | null;
  region?: string | null;
  signatureVersion?: string | null;
  retainData?: boolean | null;
}

/** Body of a PUT of a storage provider, which replaces all of it. */
export interface ProviderSettings {
  name: string;
  isTeamDefault: boolean;
  s3Config: S3Config;
}

/** other-resources.md, storage-providers. One that is deleted is taken out: the API has no field for it. */
export interface ProviderRecord extends Owned {
  settings: ProviderSettings;
}

/** What datasets and models have in common. One that is deleted is taken out. */
interface Stored extends Owned {
  name: string;
  description: string | null;
  isPublic: boolean;
  storageProviderId: string | null;
  dtModified: string;
}

export interface DatasetVersion {
  version: string;
  seq: number;
  userId: string | null;
  message: string | null;
  metadata: Record<string, unknown> | null;
  isCommitted: boolean;
  tags: string[];
  dtCreated: string;
  dtModified: string;
}

export interface DatasetRecord extends Stored {
  versions: DatasetVersion[];
}

export interface ModelRecord extends Stored {
  projectId: string | null;
}
