-- The images that the app has made, so that a repeated request gets the same image, not another one.
-- An app with many keeps the files in Supabase Storage, and here where they are.
create table if not exists public.generated_images (
    user_id uuid not null references auth.users (id) on delete cascade,
    id uuid not null,
    chat_id uuid not null,
    prompt text not null,
    mode text,
    png_base64 text not null,
    created_at timestamptz not null default now(),
    primary key (user_id, id)
);

-- Only the server: an image is handed out by image-generate, which sees to it that it is counted.
-- Supabase's default privileges grant more than that.
alter table public.generated_images enable row level security;
revoke all on public.generated_images from anon, authenticated;

notify pgrst, 'reload schema';
