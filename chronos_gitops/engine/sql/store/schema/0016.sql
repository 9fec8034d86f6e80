-- What an attempt ran with besides git: address, certificate, secrets by fingerprint, tzdata, runner. JSON.
ALTER TABLE attempts ADD COLUMN context TEXT;
